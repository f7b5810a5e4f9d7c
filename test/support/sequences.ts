import { uniform } from '../../server/engine/random.ts';
import type { Sequence } from '../../server/engine/sequences.ts';
import type { Pair } from '../../server/engine/stages/reward.ts';

export interface SequenceOptions {
  readonly seed?: number;
  /** Fewest and most tokens. */
  readonly prompt?: readonly [number, number];
  readonly response?: readonly [number, number];
  /** Ids are 1 … vocabulary − 1: 0 is the end token of tiny models. */
  readonly vocabulary?: number;
}

/** Random sequences of random lengths. */
export function randomSequences(count: number, options: SequenceOptions = {}): Sequence[] {
  const { seed = 5, prompt = [3, 20], response = [2, 25], vocabulary = 64 } = options;
  return Array.from({ length: count }, (_, row) => {
    const draw = (index: number) => uniform({ seed, purpose: 'split', step: 7, row }, index);
    const length = ([least, most]: readonly [number, number], index: number) =>
      least + Math.floor(draw(index) * (most - least + 1));
    const tokens = (size: number, from: number) =>
      Array.from({ length: size }, (_, k) => 1 + Math.floor(draw(from + k) * (vocabulary - 1)));
    return { prompt: tokens(length(prompt, 0), 1000), response: tokens(length(response, 1), 2000) };
  });
}

/** Comparisons of random responses, two a prompt; a reward model can learn them by heart. */
export function randomPairs(count: number, options: SequenceOptions = {}): Pair[] {
  const chosen = randomSequences(count, options);
  const rejected = randomSequences(count, { ...options, seed: (options.seed ?? 5) + 1 });
  return chosen.map((sequence, k) => ({
    chosen: sequence,
    rejected: { prompt: sequence.prompt, response: rejected[k].response },
    group: sequence.prompt.join(),
    margin: 0,
  }));
}
