import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { formatOf, type PictureFormat, type PictureSize, sizeOf } from './header.ts';
import { limits } from './limits.ts';

/** Why a file is not shown: half a sentence that goes on from its name. */
export class Refused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'Refused';
  }
}

/**
 * Opens a picture's file for reading, without waiting for anybody: a pipe or a device is refused.
 *
 * @throws Refused, or the system's error
 */
export async function openPicture(path: string): Promise<{ readonly handle: FileHandle; readonly bytes: number }> {
  // Windows has neither flag, and no pipes among its files.
  const handle = await open(
    path,
    constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0) | (constants.O_NOCTTY ?? 0),
  );
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new Refused('is not a file');
    if (status.size === 0) throw new Refused('is empty');
    if (status.size > limits.fileBytes) {
      throw new Refused(`has ${megabytes(status.size)}; at most ${megabytes(limits.fileBytes)} are shown`);
    }
    return { handle, bytes: status.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @throws Refused where the first bytes are of none of the five formats */
export function knownFormat(bytes: Buffer): PictureFormat {
  const format = formatOf(bytes);
  if (!format) throw new Refused('is not a PNG, JPEG, WebP, GIF or AVIF picture');
  return format;
}

/** @throws Refused where the header says more pixels than are decoded */
export function refuseBomb(size: PictureSize): void {
  if (size.width * size.height > limits.pixels) {
    throw new Refused(
      `has ${size.width} × ${size.height} pixels; at most ${limits.pixels / 1e6} million are shown. Make it smaller`,
    );
  }
}

/**
 * Looks at a file without decoding it: its identity, and whether its header may pass.
 *
 * @returns the SHA-256 of its bytes, in hex
 * @throws Refused, or the system's error
 */
export async function inspectPicture(path: string): Promise<string> {
  const { handle } = await openPicture(path);
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(1 << 18);
    let total = 0;
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, total);
      if (total === 0) {
        const head = chunk.subarray(0, bytesRead);
        const size = sizeOf(head, knownFormat(head));
        if (size) refuseBomb(size);
      }
      if (bytesRead === 0) return hash.digest('hex');
      total += bytesRead;
      if (total > limits.fileBytes) throw new Refused('grows while it is read');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MB`;
