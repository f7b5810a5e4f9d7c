import { join } from 'node:path';
import yauzl from 'yauzl';
import { UserError } from '../errors.ts';
import { tally } from '../tensorflow/meter.ts';
import { writeVerified } from '../tensorflow/verified.ts';

/**
 * Unpacks some files of a zip archive into a folder, under their own names, as streams.
 *
 * @param within the folder of these files in the archive, with a slash at its end
 * @throws UserError where one is missing or the archive is broken; the signal's reason; the disk's own errors
 */
export async function unpackFiles(
  archive: string,
  { within, names, target }: { readonly within: string; readonly names: readonly string[]; readonly target: string },
  { signal, progress }: { readonly signal: AbortSignal; progress(done: number, total: number): void },
): Promise<void> {
  let zip: yauzl.ZipFile | undefined;
  try {
    zip = await yauzl.openPromise(archive, { lazyEntries: true, autoClose: false });
    const entries = new Map<string, yauzl.Entry>();
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
    const wanted = names.map((name) => ({ name, entry: entries.get(`${within}${name}`) ?? missing(archive, name) }));
    const total = wanted.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    const onBytes = tally((done) => progress(done, total));
    for (const { name, entry } of wanted) {
      const expected = { bytes: entry.uncompressedSize, crc32: entry.crc32 };
      const what = `${entry.fileName} in ${archive}`;
      const content = await zip.openReadStreamPromise(entry);
      await writeVerified(content, join(target, name), expected, { what, signal, onBytes });
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (signal.aborted || error instanceof UserError || /^E[A-Z]+$/.test(code)) throw error;
    throw new UserError(`${archive} is broken (${message.replace(/\.$/, '')}): get it again.`, { cause: error });
  } finally {
    zip?.close();
  }
}

function missing(archive: string, name: string): never {
  throw new UserError(`${archive} holds no ${name}: it is not onnxruntime's package for CUDA on Linux.`);
}
