import { UserError } from '../../errors.ts';
import { shown } from './files.ts';

/**
 * Sliding windows: a token attends to the `window` tokens up to itself. Palate's attention has none. In a text that is no
 * longer than the window it changes nothing, so such a model is read as one with so many positions; longer texts are
 * refused as any text that is longer than the model reads.
 */
export function withinWindow(maxPositions: number, window: number | undefined): number {
  return window === undefined ? maxPositions : Math.min(maxPositions, window);
}

/** The keys of config.json that say which tokens a token attends to. */
export interface WindowKeys {
  readonly sliding_window?: unknown;
  readonly use_sliding_window?: unknown;
  readonly layer_types?: unknown;
}

/**
 * The width of the window in a configuration at `path`, undefined where there is none. Types with a switch (Qwen's) give a
 * width that counts only with use_sliding_window; `fallback` is what Transformers takes where the width is left out.
 * Throws a UserError where attention is limited in another way.
 */
export function readWindow(
  path: string,
  keys: WindowKeys,
  { hasSwitch, fallback }: { readonly hasSwitch: boolean; readonly fallback?: number },
): number | undefined {
  const fail = (key: keyof WindowKeys, found: unknown, what: string): never => {
    throw new UserError(`${path}: ${key} is ${shown(found)}: ${what}.`);
  };
  const on = keys.use_sliding_window ?? false;
  if (typeof on !== 'boolean') fail('use_sliding_window', on, 'true or false is expected');
  const kinds = keys.layer_types ?? [];
  if (!Array.isArray(kinds)) return fail('layer_types', kinds, 'a list is expected');
  const other = kinds.find((kind) => kind !== 'full_attention' && kind !== 'sliding_attention');
  if (other !== undefined) {
    fail('layer_types', other, 'this kind of attention is not supported by Palate; full and sliding attention are');
  }
  const slides = kinds.includes('sliding_attention');
  const given = keys.sliding_window === undefined ? fallback : keys.sliding_window;
  const counts = on || slides || (!hasSwitch && given !== undefined && given !== null);
  if (!counts) return undefined;
  if (!Number.isSafeInteger(given) || (given as number) < 1) {
    fail('sliding_window', given, 'the attention slides, so the number of tokens that it reaches is expected');
  }
  return given as number;
}
