import * as v from 'valibot';
import { UserError } from './errors.ts';

/**
 * Holds parsed JSON against a schema of strict objects and fills in its defaults.
 *
 * @param source where the value comes from, for messages: "palate.json"
 * @throws UserError naming source, key and value found; for an unknown key the nearest valid one
 */
export function parseConfig<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  source: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  const sentences = listsForObjects(schema as unknown as SchemaParts, value, []);
  if (result.success && sentences.length === 0) return result.output;
  sentences.push(...(result.issues ?? []).map((issue) => sentenceOf(issue, schema)));
  throw new UserError([...new Set(sentences)].map((sentence) => `${source}: ${sentence}`).join('\n'));
}

/** A key that may be left out. What `description` says stands in the editor too. */
export function setting<
  Schema extends v.GenericSchema,
  const Default extends v.InferInput<Schema> | (() => v.InferInput<Schema>),
>(description: string, schema: Schema, fallback: Default) {
  return v.optional(v.pipe(schema, v.description(description)), fallback);
}

/** A key that is absent where it is left out. */
export function optionalSetting<Schema extends v.GenericSchema>(description: string, schema: Schema) {
  return v.optional(v.pipe(schema, v.description(description)));
}

/**
 * The candidate that `word` is most likely a slip of, or undefined where none is near: at most a third of its letters
 * changed, added, left out or swapped with their neighbour; upper case, hyphens and underscores count for nothing.
 */
export function nearestName(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_ ]/g, '');
  const wanted = plain(word);
  const rated = candidates.map((candidate) => ({ candidate, distance: editDistance(wanted, plain(candidate)) }));
  rated.sort((a, b) => a.distance - b.distance);
  const best = rated.at(0);
  if (best && best.distance <= Math.max(1, Math.floor(wanted.length / 3))) return best.candidate;
  const longer = wanted.length >= 3 ? candidates.filter((candidate) => plain(candidate).includes(wanted)) : [];
  return longer.length === 1 ? longer[0] : undefined;
}

/** Damerau–Levenshtein distance (optimal string alignment): insertions, deletions, changes, swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

function sentenceOf(issue: v.BaseIssue<unknown>, schema: v.GenericSchema): string {
  const path = issue.path ?? [];
  const keys = path.map(({ key }) => key);
  const last = path.at(-1);
  if (issue.type === 'strict_object' && issue.expected === 'never' && last) {
    return unknownKey(String(last.key), keys.slice(0, -1), schema);
  }
  const isObject = issue.type === 'strict_object' || issue.type === 'object';
  if (isObject && path.length > 0 && issue.received === 'undefined') return `${dotted(keys)} is missing.`;
  const where = keys.length > 0 ? dotted(keys) : 'the configuration';
  // A schema's own message (v.check(…, 'is …')) reads as a sentence; valibot's default ones repeat the value.
  if (issue.type === 'check' || issue.type === 'raw_check' || issue.type === 'custom') {
    return `${where} ${issue.message} (found ${shown(issue.input)}).`;
  }
  return `${where} should be ${wanted(issue)}, not ${shown(issue.input)}.`;
}

function unknownKey(key: string, above: readonly unknown[], schema: v.GenericSchema): string {
  const valid = keysAt(schema, above);
  const place = above.length > 0 ? ` in ${dotted(above)}` : '';
  const nearest = nearestName(key, valid);
  const hint = nearest ? `Did you mean "${nearest}"?` : `Valid here: ${valid.join(', ') || 'no keys at all'}.`;
  return `there is no setting ${JSON.stringify(key)}${place}. ${hint}`;
}

/** What a schema may be made of, as far as keysAt walks through it. */
interface SchemaParts {
  readonly wrapped?: SchemaParts;
  readonly pipe?: readonly SchemaParts[];
  readonly entries?: Readonly<Record<string, SchemaParts>>;
  readonly item?: SchemaParts;
  readonly value?: SchemaParts;
  readonly options?: readonly unknown[];
}

function keysAt(schema: v.GenericSchema, path: readonly unknown[]): string[] {
  let parts: readonly SchemaParts[] = unwrapped(schema as unknown as SchemaParts);
  for (const key of path) {
    parts = parts
      .map(({ entries, item, value }) => entries?.[String(key)] ?? item ?? value)
      .filter((part) => part !== undefined)
      .flatMap(unwrapped);
  }
  return [...new Set(parts.flatMap(({ entries }) => Object.keys(entries ?? {})))];
}

/** Through optional, nullable and pipes; a union is each of its options. */
function unwrapped(schema: SchemaParts): SchemaParts[] {
  if (schema.wrapped) return unwrapped(schema.wrapped);
  if (schema.entries) return [schema];
  if (schema.pipe && schema.pipe[0] !== schema) return unwrapped(schema.pipe[0]);
  const options = schema.options?.filter((option) => typeof option === 'object' && option !== null) ?? [];
  return options.length > 0 ? options.flatMap((option) => unwrapped(option as SchemaParts)) : [schema];
}

/** valibot takes a list for an object; a person who wrote one meant something else. */
function listsForObjects(schema: SchemaParts, value: unknown, path: readonly unknown[]): string[] {
  const parts = unwrapped(schema);
  if (Array.isArray(value)) {
    const { item } = parts[0];
    if (parts.every(({ entries }) => entries)) {
      return [`${path.length > 0 ? dotted(path) : 'the configuration'} should be an object, not ${shown(value)}.`];
    }
    return item ? value.flatMap((entry, index) => listsForObjects(item, entry, [...path, index])) : [];
  }
  if (typeof value !== 'object' || value === null || parts.length !== 1) return [];
  return Object.entries(value).flatMap(([key, entry]) => {
    const part = parts[0].entries?.[key];
    return part ? listsForObjects(part, entry, [...path, key]) : [];
  });
}

function wanted(issue: v.BaseIssue<unknown>): string {
  const names: Readonly<Record<string, string>> = {
    Object: 'an object',
    Array: 'a list',
    number: 'a number',
    string: 'text',
    boolean: 'true or false',
    never: 'absent',
  };
  if (issue.type === 'integer' || issue.type === 'safe_integer') return 'a whole number';
  if (issue.type === 'finite') return 'finite';
  const expected = issue.expected ?? 'something else';
  const range = /^(>=|<=|>|<)(.*)$/.exec(expected);
  if (range) return `${rangeWords[range[1]]} ${range[2]}`;
  return names[expected] ?? expected.replace(/^\((.*)\)$/, '$1').replaceAll(' | ', ' or ');
}

const rangeWords: Readonly<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'more than',
  '<': 'less than',
};

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function dotted(keys: readonly unknown[]): string {
  return keys.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${key}`),
    '',
  );
}
