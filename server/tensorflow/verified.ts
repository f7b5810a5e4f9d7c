import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';

export interface Expected {
  readonly bytes: number;
  /** Base64url without padding, as in a wheel's RECORD. */
  readonly sha256?: string;
  /** Used where there is no sha256. */
  readonly crc32?: number;
}

/**
 * Writes a stream to a new file and holds it against what is expected.
 *
 * @param what names the content in the sentence: 'tensorflow/libtensorflow_cc.so.2 in x.whl'
 * @throws UserError where length or checksum differ; the signal's reason; the stream's and the disk's own errors
 */
export async function writeVerified(
  content: Readable,
  file: string,
  expected: Expected,
  { what, signal, onBytes }: { what: string; signal: AbortSignal; onBytes(bytes: number): void },
): Promise<void> {
  const sum = expected.sha256 === undefined ? crc32Sum() : sha256Sum();
  let bytes = 0;
  const watched = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      sum.update(chunk);
      onBytes(chunk.length);
      yield chunk;
    }
  };
  await pipeline(content, watched, createWriteStream(file, { flags: 'wx' }), { signal });
  if (bytes !== expected.bytes) {
    throw new UserError(`${what} has ${bytes} bytes instead of ${expected.bytes}: get it again.`);
  }
  const wanted = expected.sha256 ?? expected.crc32;
  if (wanted !== undefined && sum.value() !== wanted) {
    throw new UserError(`${what} is damaged, its checksum is not the one written there: get it again.`);
  }
}

interface Sum {
  update(bytes: Uint8Array): void;
  value(): string | number;
}

function sha256Sum(): Sum {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), value: () => hash.digest('base64url') };
}

/** CRC-32 as in zip (ISO 3309). Node's own zlib.crc32 is not in every Node 20. */
function crc32Sum(): Sum {
  let crc = ~0;
  return {
    update(bytes) {
      for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[i]) & 0xff];
    },
    value: () => ~crc >>> 0,
  };
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
