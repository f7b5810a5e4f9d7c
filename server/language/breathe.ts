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
