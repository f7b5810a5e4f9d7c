import type { CompletionRow } from '../protocol/types.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import { contentKey } from './contentKey.ts';
import type { LabelledScores } from './scorer.ts';

/** What of the store is needed to say how a reward stands among the labelled ones. */
export type LabelledSource = Pick<ProjectStore, 'labelledResponses' | 'preferences' | 'onChange'>;

/** Texts that stand for all that is labelled. */
export interface LabelledSample {
  readonly responses: readonly Keyed[];
  readonly pairs: readonly { readonly chosen: Keyed; readonly rejected: Keyed }[];
}

interface Keyed {
  readonly key: string;
  readonly row: CompletionRow;
}

/** Enough to know a percentile to ±2 of 100; scoring all of a large project would take hours. */
const mostResponses = 500;
const mostPairs = 250;
/** Fewer say nothing. */
const fewest = 10;

export async function readLabelledSample(source: LabelledSource): Promise<LabelledSample> {
  const [responses, { rows }] = await Promise.all([
    source.labelledResponses(),
    source.preferences({ modality: 'text' }),
  ]);
  return {
    responses: spread(responses, mostResponses).map(({ prompt, text, finished }) =>
      keyed({ prompt: prompt.content, completion: text, finished }),
    ),
    pairs: spread(rows, mostPairs).map(({ prompt, chosen, rejected, chosenFinished, rejectedFinished }) => ({
      chosen: keyed({ prompt, completion: chosen, finished: chosenFinished }),
      rejected: keyed({ prompt, completion: rejected, finished: rejectedFinished }),
    })),
  };
}

/** The rewards of a sample, as far as they are known. */
export class LabelledRewards implements LabelledScores {
  readonly #rewards: Float64Array;
  readonly marginDeviation?: number;

  constructor(sample: LabelledSample, rewardOf: (key: string) => number | undefined) {
    const known = ({ key }: Keyed) => rewardOf(key) ?? Number.NaN;
    this.#rewards = Float64Array.from(sample.responses.map(known).filter(Number.isFinite)).sort();
    const margins = sample.pairs.map((pair) => known(pair.chosen) - known(pair.rejected)).filter(Number.isFinite);
    if (margins.length >= fewest) this.marginDeviation = deviation(margins);
  }

  get responses(): number {
    return this.#rewards.length;
  }

  /** Share of the labelled responses with a lower reward; undefined where fewer than ten are known. */
  percentile(reward: number): number | undefined {
    const rewards = this.#rewards;
    if (rewards.length < fewest) return undefined;
    let [low, high] = [0, rewards.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rewards[middle] < reward) low = middle + 1;
      else high = middle;
    }
    return low / rewards.length;
  }
}

function keyed(row: CompletionRow): Keyed {
  return { key: contentKey(row), row };
}

/** At most `most` of them, evenly spread, the same ones every time. */
function spread<Item>(items: readonly Item[], most: number): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, k) => items[Math.floor((k * items.length) / most)]);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
