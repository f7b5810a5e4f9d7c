import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import { isRunning } from './leftovers.ts';
import type { Work } from './source.ts';

const goesOn = 'run the same command again, it goes on where it stopped';

/**
 * Downloads a file into `folder` and answers its path; a download that was cut off goes on where it stopped. What is
 * there whole is not downloaded again.
 *
 * @throws UserError where the server cannot be reached, refuses, or sends something else than it announced; the signal's
 * reason
 */
export async function download(url: string, folder: string, work: Work): Promise<string> {
  const file = join(folder, posix.basename(new URL(url).pathname));
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const part = claimPart(file);
  try {
    await fill(url, part, work);
    renameSync(part, file);
    return file;
  } finally {
    // Left for the next time, under the name that any process may claim.
    if (existsSync(part)) renameSync(part, `${file}.part`);
  }
}

/** What an earlier download left becomes this process's by renaming it, which only one of two processes can do. */
function claimPart(file: string): string {
  const own = `${file}.${process.pid}.part`;
  const folder = posix.dirname(file.replaceAll('\\', '/'));
  const name = posix.basename(file.replaceAll('\\', '/'));
  const left = readdirSync(folder)
    .map((entry) => ({ entry, owner: partOwner(entry, name) }))
    .filter(({ owner }) => owner !== undefined && !(owner > 0 && isRunning(owner)));
  for (const { entry } of left) {
    try {
      renameSync(join(folder, entry), own);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return own;
}

/** The process of 'x.123.part', 0 for the free 'x.part', undefined for another file. */
function partOwner(entry: string, name: string): number | undefined {
  if (!entry.startsWith(`${name}.`) || !entry.endsWith('.part')) return undefined;
  return Number(entry.slice(name.length + 1, -'part'.length).replace('.', '') || 0);
}

async function fill(url: string, part: string, { signal, progress }: Work): Promise<void> {
  let have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  let response = await request(url, have, signal);
  if (response.status === 416) {
    // Longer than the file on the server: it is another one by now.
    await response.body?.cancel();
    have = 0;
    response = await request(url, have, signal);
  }
  if (response.status !== 206) have = 0;
  const length = Number(response.headers.get('content-length') ?? 0);
  const total = length > 0 ? have + length : 0;
  let done = have;
  const handle = await open(part, have > 0 ? 'a' : 'w');
  try {
    // Not a stream, which would lose what it holds when the connection breaks.
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      await handle.writeFile(chunk);
      done += chunk.length;
      progress('download', done, total);
    }
  } catch (error) {
    const isDisk = (error as NodeJS.ErrnoException).syscall !== undefined;
    if (signal.aborted || isDisk) throw error;
    throw new UserError(`${url} broke off after ${done} of ${total} bytes: ${goesOn}.`, { cause: error });
  } finally {
    await handle.close();
  }
  if (total > 0 && done !== total) throw new UserError(`${url} ended after ${done} of ${total} bytes: ${goesOn}.`);
  await verify(url, part, response.headers.get('x-goog-hash'));
}

async function request(url: string, from: number, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (from > 0) headers.range = `bytes=${from}-`;
  let response: Response;
  try {
    response = await fetch(url, { headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    throw new UserError(
      `${new URL(url).host} cannot be reached (${cause?.code ?? (error as Error).message}): check the network and run the same command again, or get a libtensorflow or a tensorflow-cpu wheel elsewhere and name it with --from PATH (in the editor: choose it as the source).`,
      { cause: error },
    );
  }
  const [, first] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  const continues = response.status === 206 && Number(first) === from;
  if ((response.status === 200 || continues || (response.status === 416 && from > 0)) && response.body) return response;
  await response.body?.cancel();
  throw new UserError(
    `${url} answered ${response.status} ${response.statusText}: get a libtensorflow or a tensorflow-cpu wheel elsewhere and name it with --from PATH (in the editor: choose it as the source).`,
  );
}

/** Google's storage, where tfjs-node's files lie, states the MD5 of the whole file. */
async function verify(url: string, part: string, hashes: string | null): Promise<void> {
  const expected = /\bmd5=([\w+/]+=*)/.exec(hashes ?? '')?.[1];
  if (expected === undefined) return;
  const hash = createHash('md5');
  await pipeline(createReadStream(part), hash);
  if (hash.digest('base64') === expected) return;
  rmSync(part);
  throw new UserError(`${url} arrived damaged (its MD5 is not the one the server states): run the same command again.`);
}
