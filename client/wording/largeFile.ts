/** What is said of a file that the editor keeps to itself, without vscode. */
import { t } from '../translate.ts';
import { bytes } from './amounts.ts';

/** Bytes. VS Code counts characters: what it does not send to extensions is surely larger than this. */
const largestSent = 50 * 1024 * 1024;

/** Whether a path names rows of data: what Score File takes. */
export const holdsRows = (path: string): boolean => /\.(jsonl|ndjson)$/i.test(path);

/** Undefined: the editor sends a file of this size. @param size bytes */
export function largeFileText(path: string, size: number): string | undefined {
  if (!holdsRows(path) || size <= largestSent) return undefined;
  const name = path.split(/[\\/]/).at(-1) ?? path;
  return t(
    '{0} has {1}. The editor hands no file over 50 MB to extensions, so no scores stand in it; Score File writes them into a file beside it.',
    name,
    bytes(size),
  );
}
