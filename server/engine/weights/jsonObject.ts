import * as v from 'valibot';

/** An object of JSON: valibot's record takes lists too. */
export const isObject = v.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object is expected',
);
