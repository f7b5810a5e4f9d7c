const longest = 15;

/** Lets other requests be answered during long work: call it in a loop; it waits a turn when 15 ms have gone by. */
export function breather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < longest) return undefined;
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      since = performance.now();
    });
  };
}

const work = 5;
const rest = 10;

/** As `breather`, for work that nobody waits for: it leaves two thirds of the time to requests and what they wait for. */
export function idleBreather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < work) return undefined;
    return new Promise<void>((resolve) => setTimeout(resolve, rest).unref()).then(() => {
      since = performance.now();
    });
  };
}
