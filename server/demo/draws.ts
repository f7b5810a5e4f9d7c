/**
 * Random numbers for the demo's texts: the n-th number of a row is a pure function of (seed, purpose, row, n), so that
 * row 17 reads the same whether or not rows 0 to 16 were generated.
 */
export interface Draws {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of the items, each equally likely; throws a RangeError where there are none. */
  pick<Item>(items: readonly Item[]): Item;
  /** One of the keys, likely in proportion to its weight (non-negative, not all zero, else a RangeError). */
  pickWeighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key;
}

/** The draws of one row. `seed` and `row` are integers, of which the low 32 bits count; `purpose` names the use. */
export function drawsFor(seed: number, purpose: string, row: number): Draws {
  let high = mix(mix(seed >>> 0) ^ hashText(purpose));
  let low = mix(high ^ mix((row >>> 0) + 0x9e3779b9));
  high = mix(high + Math.imul(row, 0x85ebca6b));
  low = mix(low + hashText(purpose));
  let counter = 0;
  const uniform = () => {
    counter += 1;
    return mix(mix(low + Math.imul(counter, 0x9e3779b9)) ^ (high + counter)) / 2 ** 32;
  };
  return {
    uniform,
    chance: (probability) => uniform() < probability,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('Nothing to pick from.');
      return items[Math.floor(uniform() * items.length)];
    },
    pickWeighted: (weights) => pickWeighted(weights, uniform()),
  };
}

/** The items in an order drawn from the row's numbers (Fisher and Yates); the list given is left as it is. */
export function shuffled<Item>(items: readonly Item[], draws: Draws): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(draws.uniform() * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

function pickWeighted<Key extends string>(weights: Readonly<Record<Key, number>>, uniform: number): Key {
  const entries = (Object.entries(weights) as [Key, number][]).filter(([, weight]) => weight > 0);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (entries.length === 0) throw new RangeError('Weights to pick by need at least one above zero.');
  let left = uniform * total;
  for (const [key, weight] of entries) {
    left -= weight;
    if (left < 0) return key;
  }
  // Rounding can leave a hair over: it belongs to the last.
  return entries[entries.length - 1][0];
}

/** MurmurHash3's 32-bit finaliser: every input bit moves about half of the output bits. */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
