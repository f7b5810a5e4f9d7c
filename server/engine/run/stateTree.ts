import type { Serialisable } from '../stages/stage.ts';

/** One typed array of a state: what it is made of, and how many elements of 4 bytes it has. */
export interface StoredArray {
  readonly type: 'float32' | 'int32';
  readonly length: number;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface PackedState {
  /** The state as JSON: an array became {"$array": its index}, a number JSON cannot write {"$number": its name}. */
  readonly tree: Json;
  /** The arrays' bytes, in the order of their indices. */
  readonly arrays: readonly Uint8Array[];
  readonly stored: readonly StoredArray[];
}

/**
 * Splits a state into a JSON tree and the bytes of its typed arrays. An array that occurs twice is stored once, and is
 * one array again after unpackState.
 *
 * @throws Error naming the place, where the state holds something else than Serialisable allows
 */
export function packState(state: Serialisable): PackedState {
  const indices = new Map<Float32Array | Int32Array, number>();
  const tree = packValue(state, 'state', indices);
  const arrays = [...indices.keys()];
  return {
    tree,
    arrays: arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
    stored: arrays.map((array) => ({
      type: array instanceof Float32Array ? 'float32' : 'int32',
      length: array.length,
    })),
  };
}

function packValue(value: Serialisable, place: string, indices: Map<Float32Array | Int32Array, number>): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value;
    return { $number: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (value instanceof Float32Array || value instanceof Int32Array) {
    if (!indices.has(value)) indices.set(value, indices.size);
    return { $array: indices.get(value) as number };
  }
  if (Array.isArray(value)) return value.map((entry, index) => packValue(entry, `${place}[${index}]`, indices));
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    // A key of the state's own that begins with $ gets a second one, so that it cannot be taken for a mark.
    const entries = Object.entries(value).map(([key, entry]): [string, Json] => [
      key.startsWith('$') ? `$${key}` : key,
      packValue(entry, `${place}.${key}`, indices),
    ]);
    return Object.fromEntries(entries);
  }
  const found = typeof value === 'object' ? Object.prototype.toString.call(value) : typeof value;
  throw new Error(`${place} cannot be kept in a checkpoint: it is ${found}.`);
}

/** The inverse of packState; `buffers` hold the arrays' bytes and become the arrays' memory. */
export function unpackState(tree: Json, stored: readonly StoredArray[], buffers: readonly ArrayBuffer[]): Serialisable {
  const arrays = stored.map(({ type }, index) => {
    const buffer = buffers[index];
    return type === 'float32' ? new Float32Array(buffer) : new Int32Array(buffer);
  });
  return unpackValue(tree, arrays);
}

function unpackValue(value: Json, arrays: readonly (Float32Array | Int32Array)[]): Serialisable {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((entry) => unpackValue(entry, arrays));
  const object = value as { readonly [key: string]: Json };
  if (typeof object.$number === 'string') return object.$number === '-0' ? -0 : Number(object.$number);
  if (typeof object.$array === 'number') return arrays[object.$array];
  const entries = Object.entries(object).map(([key, entry]): [string, Serialisable] => [
    key.startsWith('$$') ? key.slice(1) : key,
    unpackValue(entry, arrays),
  ]);
  return Object.fromEntries(entries);
}
