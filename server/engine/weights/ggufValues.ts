import { UserError } from '../../errors.ts';
import { count, quoted } from './files.ts';
import type { GgufFile, GgufValue } from './gguf.ts';

/** A number of the metadata, or `fallback` where it is left out. Throws a UserError that names the key. */
export function metadataNumber({ path, metadata }: GgufFile, key: string, fallback?: number): number {
  const value = metadata.get(key) ?? fallback;
  if (value === undefined) throw new UserError(`${path}: the metadata key ${key} is missing.`);
  if (typeof value !== 'number')
    throw new UserError(`${path}: ${key} is ${shownValue(value)}; one number is expected.`);
  return value;
}

/** A value of the metadata, for a message. */
export function shownValue(value: GgufValue | undefined): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'number') return count(value);
  if (typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? `a list of ${count(value.length)}` : quoted(String(value));
}
