/** Of a pair, as the first eight digits of its responses' ids, of the lower id first. */
export type Draw = (first: number, second: number) => number;

/**
 * Numbers in [0, 1) that depend on their keys alone: what an annotator sees does not change between two openings, and
 * not with the order in which pairs are asked. Murmur3's mixing; good enough to shuffle, not to keep secrets.
 */
export function drawsOf(purpose: keyof typeof purposes, seed: number, annotator: string): Draw {
  let common = mixed(0, purposes[purpose]);
  common = mixed(common, seed | 0);
  common = mixed(common, Math.floor(seed / 2 ** 32) | 0);
  for (let k = 0; k < annotator.length; k++) common = mixed(common, annotator.charCodeAt(k));
  return (first, second) => finished(mixed(mixed(common, first | 0), second | 0)) / 2 ** 32;
}

const purposes = { sides: 1, repeat: 2, gold: 3 } as const;

function mixed(hash: number, word: number): number {
  let key = Math.imul(word, 0xcc9e2d51);
  key = Math.imul((key << 15) | (key >>> 17), 0x1b873593);
  const next = hash ^ key;
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(hash: number): number {
  let value = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
