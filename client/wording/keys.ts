import { type CompareAction, type CompareKeys, compareActions, defaultKeys } from '../../webviews/protocol/compare.ts';
import { t } from '../translate.ts';

export interface MergedKeys {
  readonly keys: CompareKeys;
  /** Sentences: what of the setting was left out, and why. */
  readonly problems: readonly string[];
}

/** The setting `palate.keys` over the defaults. What cannot be is left out and said: a key never does two things. */
export function mergeKeys(setting: unknown): MergedKeys {
  const problems: string[] = [];
  const wanted = new Map<CompareAction, string>();
  const entries = typeof setting === 'object' && setting !== null ? Object.entries(setting) : [];
  for (const [action, key] of entries) {
    if (!isAction(action)) {
      problems.push(
        t('palate.keys: there is no action "{0}"; the actions are {1}.', action, compareActions.join(', ')),
      );
    } else if (typeof key !== 'string' || key === '') {
      problems.push(t('palate.keys: the key of "{0}" has to be a text such as "{1}".', action, defaultKeys[action]));
    } else if (/^[1-8]$/.test(key)) {
      problems.push(t('palate.keys: "{0}" of "{1}" is a step of the scale and stays.', key, action));
    } else if (reserved.has(key)) {
      problems.push(t('palate.keys: "{0}" of "{1}" moves in the page and stays.', key, action));
    } else {
      wanted.set(action, [...key].length === 1 ? key.toLowerCase() : key);
    }
  }
  let keys = { ...defaultKeys, ...Object.fromEntries(wanted) };
  for (const [action, key] of wanted) {
    const other = compareActions.find((name) => name !== action && keys[name] === key);
    if (!other) continue;
    problems.push(t('palate.keys: "{0}" stands for "{1}" and for "{2}"; "{1}" keeps its own key.', key, action, other));
    keys = { ...keys, [action]: defaultKeys[action] };
  }
  // Two actions that swapped keys and then lost one of them: only the defaults are surely free of doubles.
  return new Set(Object.values(keys)).size === compareActions.length
    ? { keys, problems }
    : { keys: defaultKeys, problems };
}

const reserved = new Set(['Enter', 'Escape', 'Tab', ' ', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);

const isAction = (name: string): name is CompareAction => (compareActions as readonly string[]).includes(name);
