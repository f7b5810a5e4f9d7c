/** The Float64 oracle: every gradient rule of every engine is judged by central differences of this builder. */

export type { Leaf, ReferenceOptions } from './reference/builder.ts';
export { ReferenceBuilder, valueOf } from './reference/builder.ts';
export type { Feed, Value } from './reference/values.ts';
