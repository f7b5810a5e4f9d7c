import { parse } from 'valibot';
import type { Model } from '../../server/engine/model.ts';
import type { Sequence } from '../../server/engine/sequences.ts';
import { rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { Serialisable, Stage } from '../../server/engine/stages/stage.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import type { GoldenRows } from './goldenModels.ts';
import { runStage } from './stages.ts';

/** The rows of a golden model as prompts with their completions. */
export function sequencesOf({ ids, lengths, promptLengths }: GoldenRows): Sequence[] {
  return ids.map((row, k) => ({
    prompt: row.slice(0, promptLengths[k]),
    response: row.slice(promptLengths[k], lengths[k]),
  }));
}

/** Adapters trained for a few steps, fast enough to be far from where they began: by SFT, and as a reward model. */
export async function trainAdapters(model: Model, rows: GoldenRows): Promise<{ sft: Adapter; reward: Adapter }> {
  const sequences = sequencesOf(rows);
  const shared = { rank: 4, alpha: 8, microBatchTokens: 64, batchSize: 2, schedule: 'constant' } as const;
  const supervised = parse(sftConfig, { ...shared, learningRate: 0.02, epochs: 6 });
  const sft = await adapterOf(sftStage(model, sequences, supervised, { seed: 3 }));
  const [chosen, rejected] = sequences;
  const comparative = parse(rewardConfig, {
    ...shared,
    learningRate: 0.02,
    headLearningRate: 0.1,
    epochs: 6,
    heldOut: 0,
  });
  const pairs = [{ chosen, rejected, group: 'all', margin: 0 }];
  const reward = await adapterOf(rewardStage(model, pairs, comparative, { seed: 3, from: sft }));
  return { sft, reward };
}

async function adapterOf<State extends Serialisable>(stage: Stage<State> & { start(): State }): Promise<Adapter> {
  const state = stage.start();
  await runStage(stage, state);
  return stage.adapter(state);
}
