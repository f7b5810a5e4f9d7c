import { t } from '../translate.ts';

const longest = 200;

/** Why a name can't be used; undefined where it can. The store makes a file's name of it that every system takes. */
export function annotatorNameProblem(name: string): string | undefined {
  const kept = name.trim();
  if (kept === '') return t('A name is needed: every decision says who made it.');
  if (kept.length > longest) return t('A name has at most {0} characters.', longest);
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(kept)) return t('A name is one line of text.');
  return undefined;
}

/** "Ada Lovelace" → "ada-lovelace", which is also the name of the file; the empty text where nothing usable is left. */
export function suggestAnnotatorName(full: string): string {
  return full
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, 40)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
}
