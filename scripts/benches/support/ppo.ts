import { parseConfig } from '../../../server/config.ts';
import type { Model } from '../../../server/engine/model.ts';
import { ppoConfig } from '../../../server/engine/stages/config.ts';
import { ppoStage } from '../../../server/engine/stages/ppo.ts';
import type { StageEvent } from '../../../server/engine/stages/stage.ts';
import { freshAdapter, randomIds } from './smollm.ts';

/** 32 prompts of 32 tokens, 48 new ones, one epoch of 4 minibatches each for policy and critic. */
export const ppoSizes = { rows: 32, prompt: 32, newTokens: 48, batch: 8 } as const;

export interface IterationSeconds {
  rollout: number;
  scoring: number;
  training: number;
}

/** How long each of `count` iterations took; the first is slower, because it opens the graphs. */
export async function* ppoIterations(model: Model, count: number): AsyncGenerator<IterationSeconds, void> {
  const { rows, prompt, newTokens, batch } = ppoSizes;
  const prompts = Array.from({ length: rows }, (_, row) => randomIds(prompt, row));
  const inputs = { prompts, sft: freshAdapter(model, 'CAUSAL_LM'), reward: freshAdapter(model, 'SEQ_CLS') };
  const settings = {
    iterations: count,
    rolloutBatch: rows,
    batchSize: batch,
    policyEpochs: 1,
    maxNewTokens: newTokens,
  };
  const stage = ppoStage(model, inputs, parseConfig(ppoConfig, settings, 'the bench'), { seed: 1 });
  let seconds: IterationSeconds = { rollout: 0, scoring: 0, training: 0 };
  let start = performance.now();
  for await (const event of stage.run(stage.start())) {
    seconds[phaseOf(event)] += (performance.now() - start) / 1000;
    if (event.kind === 'metrics') {
      yield seconds;
      seconds = { rollout: 0, scoring: 0, training: 0 };
    }
    start = performance.now();
  }
}

export const total = ({ rollout, scoring, training }: IterationSeconds) => rollout + scoring + training;

function phaseOf(event: StageEvent): keyof IterationSeconds {
  if (event.kind === 'work' && event.what === 'rollout') return 'rollout';
  const isUpdate = event.kind === 'work' && event.what.startsWith('updating');
  return isUpdate || event.kind === 'step' || event.kind === 'metrics' ? 'training' : 'scoring';
}
