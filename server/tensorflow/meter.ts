import { Transform } from 'node:stream';

/** Adds up: what it answers takes further bytes and reports the sum so far, which begins with `done`. */
export function tally(report: (done: number) => void, done = 0): (bytes: number) => void {
  let sum = done;
  return (bytes) => {
    sum += bytes;
    report(sum);
  };
}

/** A stream that passes everything on and tells how many bytes each chunk has. */
export function meter(onBytes: (bytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      onBytes(chunk.length);
      next(null, chunk);
    },
  });
}
