import { join, posix } from 'node:path';
import { downloadFile } from '../download/download.ts';
import { UserError } from '../errors.ts';
import type { Work } from './source.ts';

const otherwise =
  'get a libtensorflow or a tensorflow-cpu wheel elsewhere and name it with --from PATH (in the editor: choose it as the source)';

/**
 * Downloads a file into `folder` and answers its path; a download that was cut off goes on where it stopped. What is
 * there whole is not downloaded again.
 *
 * @throws UserError where the server cannot be reached, refuses, or sends something else than it announced; the signal's
 * reason
 */
export async function download(url: string, folder: string, { signal, progress }: Work): Promise<string> {
  const file = join(folder, posix.basename(new URL(url).pathname));
  const wanted = {
    url,
    file,
    sumOf: statedMd5,
    unreachable: ` and run the same command again, or ${otherwise}`,
    refusal: ({ status, statusText }: Response) =>
      new UserError(`${url} answered ${status} ${statusText}: ${otherwise}.`),
  };
  await downloadFile(wanted, { signal, progress: (done, total) => progress('download', done, total) });
  return file;
}

/** Google's storage, where tfjs-node's files lie, states the MD5 of the whole file. */
function statedMd5(headers: Headers) {
  const base64 = /\bmd5=([\w+/]+=*)/.exec(headers.get('x-goog-hash') ?? '')?.[1];
  return base64 === undefined
    ? undefined
    : { algorithm: 'md5' as const, value: Buffer.from(base64, 'base64').toString('hex') };
}
