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
  { topK = vocabulary, topP = 1 }: { topK?: number; topP?: number },
  draw: number,
): number {
  const values = probabilities.subarray(row * vocabulary, (row + 1) * vocabulary);
  const candidates = mostLikelyOf(values, topK, topP);
  let held = 0;
  let count = 0;
  const kept = topK < vocabulary ? sumOf(values, candidates) : sumOf(values, values.keys());
  while (count < candidates.length && (count === 0 || held < topP * kept)) held += values[candidates[count++]];
  let left = draw * held;
  for (const token of candidates.slice(0, count)) {
    left -= values[token];
    if (left < 0) return token;
  }
  return candidates[count - 1];
}

/**
 * At most `topK` tokens, the likeliest first; where all may come, as many as surely hold `topP` of the probability. To
 * sort a whole vocabulary would take longer than a small model takes for the token.
 */
function mostLikelyOf(values: Float32Array, topK: number, topP: number): number[] {
  const total = sumOf(values, values.keys());
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  for (let least = largest / 16; ; least = least > 1e-30 ? least / 16 : 0) {
    const likely: number[] = [];
    for (let token = 0; token < values.length; token++) if (values[token] >= least) likely.push(token);
    const isEnough = topK < values.length ? likely.length >= topK : sumOf(values, likely) >= topP * total;
    if (!isEnough && least > 0) continue;
    return likely.sort((a, b) => values[b] - values[a] || a - b).slice(0, topK);
  }
}

function sumOf(values: Float32Array, tokens: Iterable<number>): number {
  let sum = 0;
  for (const token of tokens) sum += values[token];
  return sum;
}
