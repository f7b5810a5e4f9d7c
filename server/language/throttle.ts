/** Something that is done soon after it was asked for, and not more often than every `interval` milliseconds. */
export interface Throttled {
  (): void;
  cancel(): void;
}

export function throttled(
  work: () => void,
  { delay, interval }: { readonly delay: number; readonly interval: number },
): Throttled {
  let timer: NodeJS.Timeout | undefined;
  let last = Number.NEGATIVE_INFINITY;
  const run = () => {
    timer = undefined;
    last = performance.now();
    work();
  };
  const ask = () => {
    timer ??= setTimeout(run, Math.max(delay, last + interval - performance.now())).unref();
  };
  return Object.assign(ask, {
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  });
}
