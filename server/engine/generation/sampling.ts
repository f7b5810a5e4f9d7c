/** How the next token is chosen. Rollouts use the temperature alone; top-k and top-p are for chatting. */
export type Sampling = 'greedy' | { readonly temperature: number; readonly topK?: number; readonly topP?: number };

/** Probabilities [rows, V] and their sums over blocks of V / blocks entries, [rows, blocks]. */
export interface Distribution {
  readonly probabilities: Float32Array;
  readonly blockSums: Float32Array;
  readonly vocabulary: number;
  readonly blocks: number;
}

/** Divides V into equal blocks of at most 512: drawing looks at the block sums first, then into one block. */
export function blockCount(vocabulary: number): number {
  for (let size = Math.min(512, vocabulary); size > 1; size--) {
    if (vocabulary % size === 0) return vocabulary / size;
  }
  return vocabulary;
}

/** The token that `draw` (uniform in [0, 1)) picks from a row. */
export function chooseToken(distribution: Distribution, row: number, sampling: Sampling, draw: number): number {
  if (sampling === 'greedy') return mostLikely(distribution, row);
  const { topK, topP } = sampling;
  if (topK === undefined && topP === undefined) return inverseCdf(distribution, row, draw);
  return fromNucleus(distribution, row, { topK, topP }, draw);
}

/** log p of a token, nats. */
export function logProbability({ probabilities, vocabulary }: Distribution, row: number, token: number): number {
  return Math.log(probabilities[row * vocabulary + token]);
}

function mostLikely({ probabilities, vocabulary }: Distribution, row: number): number {
  const start = row * vocabulary;
  let best = start;
  for (let k = start + 1; k < start + vocabulary; k++) if (probabilities[k] > probabilities[best]) best = k;
  return best - start;
}

function inverseCdf(distribution: Distribution, row: number, draw: number): number {
  const { probabilities, blockSums, vocabulary, blocks } = distribution;
  const size = vocabulary / blocks;
  let total = 0;
  for (let block = 0; block < blocks; block++) total += blockSums[row * blocks + block];
  let left = draw * total;
  let block = 0;
  while (block < blocks - 1 && left >= blockSums[row * blocks + block]) left -= blockSums[row * blocks + block++];
  const start = row * vocabulary + block * size;
  let last = -1;
  for (let k = 0; k < size; k++) {
    const probability = probabilities[start + k];
    if (probability === 0) continue;
    last = k;
    left -= probability;
    if (left < 0) break;
  }
  // Rounding can leave a crumb at the block's end: its last possible token takes it.
  return last < 0 ? mostLikely(distribution, row) : block * size + last;
}

/** The k most likely tokens, of these the fewest that hold `topP` of the probability (Holtzman et al. 2020). */
function fromNucleus(
  { probabilities, vocabulary }: Distribution,
  row: number,
  { topK, topP }: { topK?: number; topP?: number },
  draw: number,
): number {
  const values = probabilities.subarray(row * vocabulary, (row + 1) * vocabulary);
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
  const candidates = order.slice(0, topK ?? vocabulary);
  let held = 0;
  let count = 0;
  const kept = candidates.reduce((sum, token) => sum + values[token], 0);
  while (count < candidates.length && (count === 0 || held < (topP ?? 1) * kept)) held += values[candidates[count++]];
  let left = draw * held;
  for (const token of candidates.slice(0, count)) {
    left -= values[token];
    if (left < 0) return token;
  }
  return candidates[count - 1];
}
