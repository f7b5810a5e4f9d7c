import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { addsUp, algorithmNames, type Checksum } from './checksum.ts';
import { claimPart, freePart, readNote, removePart, writeNote } from './part.ts';
import { type RequestOptions, request } from './request.ts';

/** A file to download, and what it must turn out to be. */
export interface Wanted {
  readonly url: string;
  /** Where it goes. */
  readonly file: string;
  /** Bytes, where they are known beforehand. */
  readonly bytes?: number;
  readonly sum?: Checksum;
  /** Where only the answer says it. */
  readonly sumOf?: (headers: Headers) => Checksum | undefined;
  /** As `request` takes it. */
  readonly secret?: string;
  readonly unreachable: string;
  /** The error for an answer that is not the file. */
  refusal(response: Response): UserError;
}

/** How a download is watched and stopped. */
export interface DownloadWork {
  readonly signal: AbortSignal;
  /** Bytes; `total` is 0 while it is not known. */
  progress(done: number, total: number): void;
}

const goesOn = 'run the same command again, it goes on where it stopped';

/**
 * Downloads a file: beside its place, checked, then renamed, so it is there whole or not at all. What an earlier try
 * left is gone on with, unless the file has changed since. What is there is not downloaded again.
 *
 * @throws UserError where the server cannot be reached, refuses, or sends something else than it announced; the
 * signal's reason; the disk's own errors
 */
export async function downloadFile(wanted: Wanted, work: DownloadWork): Promise<void> {
  const { file } = wanted;
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const part = claimPart(file);
  try {
    const sum = await fill(wanted, part, work);
    if (sum) await verify(wanted, part, sum, work.signal);
    renameSync(part, file);
  } finally {
    freePart(file, part);
  }
}

/** Brings the part up to the whole file; answers what it must add up to. */
async function fill(wanted: Wanted, part: string, work: DownloadWork): Promise<Checksum | undefined> {
  const { url, bytes } = wanted;
  const note = readNote(part);
  const isOther = note.sum !== undefined && wanted.sum !== undefined && note.sum !== wanted.sum.value;
  let have = isOther ? 0 : (statSync(part, { throwIfNoEntry: false })?.size ?? 0);
  if (bytes !== undefined && have > bytes) have = 0;
  // Killed between the last byte and the check.
  if (have > 0 && have === bytes && wanted.sum) return wanted.sum;
  let response = await ask(wanted, have, note.etag, work.signal);
  if (response.status === 416) {
    // Longer than the file on the server: it is another one by now.
    await response.body?.cancel();
    have = 0;
    response = await ask(wanted, have, undefined, work.signal);
  }
  if (response.status !== 206) have = 0;
  const length = Number(response.headers.get('content-length') ?? 0);
  const total = length > 0 ? have + length : (bytes ?? 0);
  if (bytes !== undefined && total !== bytes) {
    await response.body?.cancel();
    throw new UserError(`${url} has ${total} bytes instead of the ${bytes} that were announced: try again later.`);
  }
  const etag = response.headers.get('etag') ?? undefined;
  const sum = wanted.sum ?? wanted.sumOf?.(response.headers);
  writeNote(part, { etag: etag?.startsWith('"') ? etag : undefined, sum: sum?.value });
  await append(response, { url, part, have, total }, work);
  return sum;
}

async function append(
  response: Response,
  { url, part, have, total }: { url: string; part: string; have: number; total: number },
  { signal, progress }: DownloadWork,
): Promise<void> {
  let done = have;
  const handle = await open(part, have > 0 ? 'a' : 'w');
  try {
    // Not a stream, which would lose what it holds when the connection breaks.
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (total > 0 && done + chunk.length > total) break;
      await handle.writeFile(chunk);
      done += chunk.length;
      progress(done, total);
    }
    await handle.sync();
  } catch (error) {
    const isDisk = (error as NodeJS.ErrnoException).syscall !== undefined;
    if (signal.aborted || isDisk) throw error;
    throw new UserError(`${url} broke off after ${done} of ${total} bytes: ${goesOn}.`, { cause: error });
  } finally {
    await handle.close();
  }
  if (total > 0 && done !== total) throw new UserError(`${url} ended after ${done} of ${total} bytes: ${goesOn}.`);
}

async function ask(wanted: Wanted, from: number, etag: string | undefined, signal: AbortSignal): Promise<Response> {
  const { url, secret, unreachable } = wanted;
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (from > 0) headers.range = `bytes=${from}-`;
  // Another version by now is sent whole.
  if (from > 0 && etag !== undefined) headers['if-range'] = etag;
  const options: RequestOptions = { headers, secret, signal, unreachable };
  const response = await request(url, options);
  const [, first] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  const continues = response.status === 206 && Number(first) === from;
  if ((response.status === 200 || continues || (response.status === 416 && from > 0)) && response.body) return response;
  await response.body?.cancel();
  throw wanted.refusal(response);
}

async function verify({ url }: Wanted, part: string, sum: Checksum, signal: AbortSignal): Promise<void> {
  if (await addsUp(part, sum, signal)) return;
  removePart(part);
  const name = algorithmNames[sum.algorithm];
  throw new UserError(
    `${url} arrived damaged (its ${name} is not the one the server states): run the same command again.`,
  );
}
