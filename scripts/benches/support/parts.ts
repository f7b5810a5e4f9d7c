import { parseConfig } from '../../../server/config.ts';
import { generate } from '../../../server/engine/generation/generate.ts';
import { activate } from '../../../server/engine/model.ts';
import { ppoConfig } from '../../../server/engine/stages/config.ts';
import { ppoStage } from '../../../server/engine/stages/ppo.ts';
import { type Measured, median, type Parts, peakGigabytes } from './figures.ts';
import { GemmRate } from './gemm.ts';
import { freshAdapter, openSmollm, randomIds, stepGigaflops, tokenGigaflops } from './smollm.ts';
import { batch, time, trainingStep } from './step.ts';

/** Each in a process of its own. */
export const parts: Parts = {
  training: () => training({ recompute: false, memory: 2.8 }),
  recompute: () => training({ recompute: true, memory: 1.5 }),
  decoding,
  ppo,
};

async function training(options: { readonly recompute: boolean; readonly memory: number }): Promise<Measured[]> {
  const { recompute, memory } = options;
  const model = await openSmollm();
  const { seconds: step, gigaflops } = await trainingStep(model, recompute);
  const rate = stepGigaflops(model.config, batch * time, time, batch * (time - 1)) / step;
  const name = recompute ? 'recompute: ' : '';
  return [
    { name: `${name}SFT step 8×128`, value: step, unit: 's' },
    { name: `${name}training`, value: (batch * time) / step, unit: 'tokens/s' },
    { name: `${name}GEMM rate`, value: gigaflops, unit: 'GFLOP/s' },
    {
      name: `${name}SFT step / GEMM rate`,
      value: rate / gigaflops,
      unit: '',
      ...(recompute ? {} : { bar: { min: 0.65 } }),
    },
    { name: `${name}peak memory`, value: peakGigabytes(), unit: 'GB', bar: { max: memory } },
    { name: `${name}build + session`, value: Math.max(...model.sessionSeconds), unit: 's', bar: { max: 2 } },
  ];
}

/** Sampling at temperature 1 with an adapter, 96 tokens after a prompt of 64; the prompt's own time is left out. */
async function decoding(): Promise<Measured[]> {
  const model = await openSmollm();
  const adapter = activate(freshAdapter(model, 'CAUSAL_LM'));
  const figures: Measured[] = [];
  for (const [batch, bar] of [
    [32, 0.2],
    [1, 0.022],
  ]) {
    const gemm = await GemmRate.open();
    const prompts = Array.from({ length: batch }, (_, row) => randomIds(64, row));
    const options = { sampling: { temperature: 1 }, maxNewTokens: 96, stopIds: [], seed: 1 } as const;
    const seconds: number[] = [];
    const steps = generate(model, adapter, prompts, options);
    for (let tokens = 0, k = 0; ; k++) {
      const start = performance.now();
      const next = await steps.next();
      if (next.done) break;
      const decoded = next.value - tokens === batch;
      tokens = next.value;
      // The first steps of a graph are slower.
      if (decoded && tokens > 4 * batch) seconds.push((performance.now() - start) / 1000);
      if (k % 4 === 0) await gemm.measure(1);
    }
    const rate = batch / median(seconds);
    const ceiling = gemm.gigaflops / tokenGigaflops(model.config);
    figures.push(
      { name: `decoding, batch ${batch}`, value: rate, unit: 'tokens/s' },
      { name: `decoding, batch ${batch} / GEMM rate`, value: rate / ceiling, unit: '', bar: { min: bar } },
    );
  }
  return [...figures, { name: 'decoding: peak memory', value: peakGigabytes(), unit: 'GB' }];
}

/** One iteration, once everything is warm: 32 prompts of 32 tokens, 48 new ones, one epoch of 4 minibatches each. */
async function ppo(): Promise<Measured[]> {
  const model = await openSmollm();
  const prompts = Array.from({ length: 32 }, (_, row) => randomIds(32, row));
  const inputs = { prompts, sft: freshAdapter(model, 'CAUSAL_LM'), reward: freshAdapter(model, 'SEQ_CLS') };
  const settings = { iterations: 2, rolloutBatch: 32, batchSize: 8, policyEpochs: 1, maxNewTokens: 48 };
  const stage = ppoStage(model, inputs, parseConfig(ppoConfig, settings, 'the bench'), { seed: 1 });
  const seconds = { rollout: 0, scoring: 0, training: 0 };
  let iteration = 0;
  let start = performance.now();
  for await (const event of stage.run(stage.start())) {
    const phase = event.kind === 'work' && event.what === 'rollout' ? 'rollout' : phaseOf(event);
    if (iteration === 1) seconds[phase] += (performance.now() - start) / 1000;
    if (event.kind === 'metrics') iteration++;
    start = performance.now();
  }
  const total = seconds.rollout + seconds.scoring + seconds.training;
  return [
    ...Object.entries(seconds).map(([phase, value]) => ({ name: `PPO iteration: ${phase}`, value, unit: 's' })),
    { name: 'PPO iteration', value: total, unit: 's' },
    { name: 'PPO: peak memory', value: peakGigabytes(), unit: 'GB' },
  ];
}

function phaseOf(event: { readonly kind: string; readonly what?: string }): 'scoring' | 'training' {
  const training = event.kind === 'step' || event.kind === 'metrics' || event.what?.startsWith('updating') === true;
  return training ? 'training' : 'scoring';
}
