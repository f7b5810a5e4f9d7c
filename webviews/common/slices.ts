/** Long work on the page's only thread: a bit, then the person's keys, then the next bit. */

/** How long a bit may take, so that a key waits for less than a frame. */
const budget = 8;

let wake: (() => void) | undefined;
const channel = new MessageChannel();
channel.port1.onmessage = () => wake?.();

/** Goes on after what is waiting: keys, a paint. A message is not delayed by 4 ms as a nested timer is. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const before = wake;
    wake = () => {
      before?.();
      wake = undefined;
      resolve();
    };
    channel.port2.postMessage(null);
  });
}

/** After the next frame is on the screen; at once in a page that is not shown, where there are no frames. */
export function painted(): Promise<void> {
  if (document.hidden) return breathe();
  return new Promise((resolve) => requestAnimationFrame(() => resolve(breathe())));
}

/** Does each piece of work, pausing whenever the budget is used up. Stops without a word when `signal` is aborted. */
export async function inSlices(work: Iterable<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let began = performance.now();
  for (const _piece of work) {
    if (performance.now() - began < budget) continue;
    await painted();
    if (signal.aborted) return;
    began = performance.now();
  }
}
