import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** What a file must add up to. */
export interface Checksum {
  /** 'gitBlob': SHA-1 over git's header and the content, as git names a file. */
  readonly algorithm: 'md5' | 'sha256' | 'sha512' | 'gitBlob';
  /** In hex, lower case. */
  readonly value: string;
}

/** For a person: "SHA-256". */
export const algorithmNames = { md5: 'MD5', sha256: 'SHA-256', sha512: 'SHA-512', gitBlob: 'git checksum' } as const;

/** Reads a file through and answers whether it adds up. Throws the signal's reason, and the disk's errors. */
export async function addsUp(file: string, { algorithm, value }: Checksum, signal: AbortSignal): Promise<boolean> {
  const sum = algorithm === 'gitBlob' ? gitBlobHash((await stat(file)).size) : createHash(algorithm);
  await pipeline(createReadStream(file), sum, { signal });
  return sum.digest('hex') === value;
}

function gitBlobHash(bytes: number): Hash {
  return createHash('sha1').update(`blob ${bytes}\0`);
}
