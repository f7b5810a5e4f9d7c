import { createHash } from 'node:crypto';
import { UserError } from '../errors.ts';
import { excerpt } from './jsonLines.ts';

/** Names that Windows keeps for devices, whatever comes after a dot. */
const reserved = /^(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)/;
const plain = /^[a-z0-9_][a-z0-9._@+-]{0,62}[a-z0-9_]$|^[a-z0-9_]$/;

/**
 * A name as it is kept: without space around it, and in one spelling where Unicode has several.
 *
 * @throws UserError where it is empty, too long, or not one line of text
 */
export function annotatorNamed(name: string): string {
  const kept = name.normalize('NFC').trim();
  if (kept === '') throw new UserError('The annotator has no name. Set one: labels say who decided.');
  if (kept.length > 200) throw new UserError(`The annotator's name has ${kept.length} characters; the limit is 200.`);
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(kept)) {
    throw new UserError(`The annotator's name ${excerpt(kept)} is not one line of text.`);
  }
  return kept;
}

/**
 * The file of an annotator's decisions, below feedback/: NAME.jsonl where every file system takes the name as it is;
 * else what is left of it and a hash, so that "Ann" and "ann" are two files where upper case counts for nothing too.
 * Whose a decision is says its line, never the file.
 */
export function logFileOf(annotator: string): string {
  if (plain.test(annotator) && !reserved.test(annotator)) return `${annotator}.jsonl`;
  const slug = annotator
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  const hash = createHash('sha256').update(annotator).digest('hex').slice(0, 8);
  return `${slug || 'annotator'}-${hash}.jsonl`;
}
