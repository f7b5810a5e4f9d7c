import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** A JSONL file that only grows, but for the lines after the last checkpoint, which a resumed run writes again. */
export interface LineLog {
  /** Bytes. */
  readonly position: number;
  append(value: unknown): void;
  /** Returns when what was appended would survive a power cut. */
  flush(): void;
  close(): void;
}

/** Opens `path` for appending after its first `position` bytes; what comes after them is cut off. */
export function openLineLog(path: string, position: number): LineLog {
  // Not 'a': Windows cannot cut a file opened so.
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
  let end = Math.min(position, fstatSync(file).size);
  ftruncateSync(file, end);
  return {
    get position() {
      return end;
    },
    append(value) {
      const bytes = Buffer.from(`${JSON.stringify(value)}\n`, 'utf8');
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, end + done);
      end += bytes.length;
    },
    flush: () => fsyncSync(file),
    close: () => closeSync(file),
  };
}
