import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import yauzl from 'yauzl';
import { UserError } from '../errors.ts';
import { placeOf } from './library.ts';
import { tally } from './meter.ts';
import { headBytes, requireHeaders, requireLibraries, requirePlatform, type Source, type Work } from './source.ts';
import { writeVerified } from './verified.ts';

const longestRecord = 64 * 1024 ** 2;
/** Upper half of a zip entry's external attributes, where it was made on Unix: the file's type and link. */
const fileTypeMask = 0o170000;
const symbolicLink = 0o120000;

/**
 * A libtensorflow in a zip file: a wheel of tensorflow or tensorflow-cpu, or the C distribution for Windows. Only what
 * is needed is unpacked, as a stream.
 *
 * @throws UserError where the file is broken or holds no libtensorflow for this platform
 */
export async function zipSource(path: string): Promise<Source> {
  const zip = await readable(path, () => yauzl.openPromise(path, { lazyEntries: true, autoClose: false }));
  try {
    const contents = await readable(path, () => contentsOf(path, zip));
    const linked = requireLibraries(path, [...contents.libraries.keys()], contents.names);
    for (const name of linked) {
      const stream = await readable(path, () => zip.openReadStreamPromise(contents.libraries.get(name)!));
      requirePlatform(path, name, await readable(path, () => firstBytes(stream)));
    }
    if (process.platform !== 'win32') requireHeaders(path, [...contents.headers.keys()]);
    return zipSourceOf(path, zip, contents, linked);
  } catch (error) {
    zip.close();
    throw error;
  }
}

/**
 * Unpacks the one file of that name, wherever in the zip file it lies.
 *
 * @throws UserError where there is none or the zip file is broken
 */
export async function unpackOneOfZip(path: string, name: string, file: string, { signal }: Work): Promise<void> {
  const zip = await readable(path, () => yauzl.openPromise(path, { lazyEntries: true, autoClose: false }));
  try {
    await readable(path, async () => {
      for await (const entry of zip.eachEntry()) {
        if (posix.basename(entry.fileName) !== name) continue;
        const expected = { bytes: entry.uncompressedSize, crc32: entry.crc32 };
        const what = `${entry.fileName} in ${path}`;
        return writeVerified(await zip.openReadStreamPromise(entry), file, expected, { what, signal, onBytes() {} });
      }
      throw new UserError(`${path} holds no ${name}: get it again.`);
    });
  } finally {
    zip.close();
  }
}

interface Contents {
  readonly names: readonly string[];
  /** By the loader's name. */
  readonly libraries: ReadonlyMap<string, yauzl.Entry>;
  /** By the path below include/. */
  readonly headers: ReadonlyMap<string, yauzl.Entry>;
  /** Checksums of a wheel; undefined where the file is no wheel. */
  readonly record: ReadonlyMap<string, string> | undefined;
}

async function contentsOf(path: string, zip: yauzl.ZipFile): Promise<Contents> {
  const names: string[] = [];
  const libraries = new Map<string, yauzl.Entry>();
  const headers = new Map<string, yauzl.Entry>();
  let record: yauzl.Entry | undefined;
  for await (const entry of zip.eachEntry()) {
    names.push(entry.fileName);
    if (/^[^/]+\.dist-info\/RECORD$/.test(entry.fileName)) record = entry;
    const place = placeOf(entry.fileName);
    if (!place) continue;
    if (((entry.externalFileAttributes >>> 16) & fileTypeMask) === symbolicLink) {
      throw new UserError(`${path} is refused: ${entry.fileName} in it is a symbolic link, which no wheel has.`);
    }
    if (place.kind === 'library') libraries.set(place.name, entry);
    else headers.set(place.path, entry);
  }
  return { names, libraries, headers, record: record && (await recordOf(path, zip, record)) };
}

/** https://packaging.python.org/en/latest/specifications/recording-installed-packages/ */
async function recordOf(path: string, zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Map<string, string>> {
  if (entry.uncompressedSize > longestRecord) throw new UserError(`${path} is refused: its RECORD is absurdly long.`);
  const lines = (await text(await zip.openReadStreamPromise(entry))).split('\n');
  return new Map(
    lines
      .map((line) => /^(.+),sha256=([\w-]+),\d*\r?$/.exec(line))
      .filter((match) => match !== null)
      .map(([, name, sha256]) => [name, sha256]),
  );
}

function zipSourceOf(path: string, zip: yauzl.ZipFile, contents: Contents, linked: readonly string[]): Source {
  const libraries = new Map(linked.map((name) => [name, contents.libraries.get(name)!]));
  return {
    path,
    libraries: new Map([...libraries].map(([name, entry]) => [name, entry.uncompressedSize])),
    async unpack(target, { signal, progress }) {
      const files = [
        ...[...libraries].map(([name, entry]) => ({ entry, file: join(target.libraries, name) })),
        ...[...contents.headers].map(([name, entry]) => ({ entry, file: join(target.scratch, 'include', name) })),
      ];
      const total = files.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
      const onBytes = tally((done) => progress('unpack', done, total));
      for (const { entry, file } of files) {
        mkdirSync(dirname(file), { recursive: true });
        const what = `${entry.fileName} in ${path}`;
        const expected = { bytes: entry.uncompressedSize, ...checksumOf(entry, contents.record, what) };
        await readable(path, async () => {
          const stream = await zip.openReadStreamPromise(entry);
          await writeVerified(stream, file, expected, { what, signal, onBytes });
        });
      }
      return join(target.scratch, 'include');
    },
    close: () => zip.close(),
  };
}

function checksumOf(
  entry: yauzl.Entry,
  record: ReadonlyMap<string, string> | undefined,
  what: string,
): { readonly sha256: string } | { readonly crc32: number } {
  if (!record) return { crc32: entry.crc32 };
  const sha256 = record.get(entry.fileName);
  if (sha256 === undefined) throw new UserError(`${what} is refused: the wheel's RECORD has no checksum for it.`);
  return { sha256 };
}

async function firstBytes(stream: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= headBytes) break;
  }
  if (!stream.closed) await once(stream.destroy(), 'close');
  return Buffer.concat(chunks);
}

/** What the zip library and zlib say about a broken file becomes a sentence; the person's and the system's errors stay. */
async function readable<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { code = '', name, message } = error as NodeJS.ErrnoException;
    const ownFault = error instanceof UserError || name === 'AbortError' || /^E[A-Z]+$/.test(code);
    if (ownFault) throw error;
    throw new UserError(`${path} is broken (${message.replace(/\.$/, '')}): get it again.`, { cause: error });
  }
}
