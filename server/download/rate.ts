/** How fast something comes in. */
export interface Rate {
  /** Bytes a second over the last seconds; undefined while too little is known. */
  readonly perSecond?: number;
  readonly secondsLeft?: number;
}

const windowSeconds = 8;

/** Takes how far a download is, as often as it likes, and answers its pace. `now` in milliseconds. */
export function createMeter(now: () => number = () => performance.now()): (done: number, total: number) => Rate {
  let samples: { readonly at: number; readonly done: number }[] = [];
  return (done, total) => {
    const at = now();
    const last = samples.at(-1);
    // A part that did not fit was thrown away: it begins again.
    if (last && done < last.done) samples = [];
    if (!last || at - last.at >= 100) samples.push({ at, done });
    samples = samples.filter((sample, index) => at - sample.at <= windowSeconds * 1000 || index === samples.length - 1);
    const [first] = samples;
    const seconds = (at - first.at) / 1000;
    if (seconds < 0.5) return {};
    const perSecond = (done - first.done) / seconds;
    return { perSecond, ...(perSecond > 0 && total > 0 && { secondsLeft: (total - done) / perSecond }) };
  };
}

/** "212 of 853 MB, 12.3 MB/s" */
export function amountText(done: number, total: number, { perSecond }: Rate = {}): string {
  const amount = total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
  return perSecond === undefined ? amount : `${amount}, ${megabytes(perSecond)} MB/s`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
