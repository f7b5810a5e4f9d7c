import { t } from '../translate.ts';

/** A name is also a file's: feedback/<annotator>.jsonl, in everybody's git on every system. */
const allowed = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const reservedOnWindows = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Why a name can't be used; undefined where it can. */
export function annotatorNameProblem(name: string): string | undefined {
  if (name === '') return t('A name is needed: decisions are written to feedback/NAME.jsonl.');
  if (!allowed.test(name)) {
    return t('Use letters, digits, full stops, hyphens and underscores; begin with a letter or a digit.');
  }
  if (name.endsWith('.') || reservedOnWindows.test(name))
    return t('"{0}" cannot be the name of a file on every system.', name);
  return undefined;
}

/** "Ada Lovelace" → "ada-lovelace"; the empty text where nothing usable is left. */
export function suggestAnnotatorName(full: string): string {
  const name = full
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 40)
    .replace(/[^a-z0-9]+$/, '');
  return annotatorNameProblem(name) ? '' : name;
}
