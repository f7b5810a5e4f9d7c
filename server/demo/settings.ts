import { join } from 'node:path';
import { packageRoot } from '../paths.ts';
import type { EngineName } from '../protocol/types.ts';
import { instructPrompts } from './instructPrompts.ts';
import type { TasteName } from './judge.ts';
import { type ReviewRow, reviewPrompts, reviewRows } from './reviews.ts';

/** What one kind of demo does, from the prompts to the last figure. */
export interface DemoSettings {
  readonly model: string;
  readonly taste: TasteName;
  /** What trains. */
  readonly engine?: EngineName;
  /** Shown as a user's turn (a model with a chat template) or as they are. */
  readonly chat: boolean;
  /** Prompts to learn from, and others that nothing learns from: every figure is measured on these. */
  readonly prompts: { readonly train: readonly string[]; readonly heldOut: readonly string[] };
  /** Texts in the narrower style that SFT learns first; absent: SFT learns the chosen responses. */
  readonly style?: readonly ReviewRow[];
  readonly comparisons: number;
  readonly maxNewTokens: number;
  /** Responses to held-out prompts, before and after. */
  readonly responses: number;
  /** Fresh comparisons that the reward model is tried on. */
  readonly freshPairs: number;
  /** What `palate train --config` takes. */
  readonly training: {
    readonly sft: Readonly<Record<string, unknown>>;
    readonly reward: Readonly<Record<string, unknown>>;
    readonly ppo: Readonly<Record<string, unknown>>;
  };
}

/** The embedded model: two-sentence reviews, and a liking for cheerful ones. */
export function embeddedDemo(seed: number): DemoSettings {
  return {
    model: join(packageRoot(), 'models', 'tiny'),
    taste: 'positive',
    chat: false,
    prompts: { train: reviewPrompts('train'), heldOut: reviewPrompts('heldOut') },
    style: reviewRows({ count: 2000, seed, split: 'train' }),
    comparisons: 400,
    maxNewTokens: 64,
    responses: 512,
    freshPairs: 2000,
    training: {
      sft: { learningRate: 2e-3, batchSize: 16 },
      reward: { learningRate: 1e-3, headLearningRate: 1e-2, batchSize: 8, epochs: 3 },
      ppo: {
        learningRate: 5e-4,
        valueHeadLearningRate: 5e-3,
        iterations: 14,
        rolloutBatch: 128,
        batchSize: 32,
        microBatchTokens: 2048,
        klCoefficient: 0.4,
      },
    },
  };
}

/** A real instruct model on disk: its own sampled answers, and a liking that plain text can show. */
export function instructDemo(model: string, taste: TasteName = 'paragraph'): DemoSettings {
  return {
    model,
    taste,
    chat: true,
    prompts: { train: instructPrompts.train, heldOut: instructPrompts.heldOut },
    comparisons: 200,
    maxNewTokens: 64,
    responses: 200,
    freshPairs: 60,
    training: { sft: {}, reward: {}, ppo: {} },
  };
}
