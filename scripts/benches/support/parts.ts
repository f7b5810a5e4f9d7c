import { generate } from '../../../server/engine/generation/generate.ts';
import { activate } from '../../../server/engine/model.ts';
import type { Recompute } from '../../../server/engine/runtime.ts';
import { type Precision, precisions } from '../../../server/protocol/types.ts';
import { type Measured, median, type Parts, peakGigabytes } from './figures.ts';
import { GemmRate } from './gemm.ts';
import { lossAfter } from './loss.ts';
import { type IterationSeconds, ppoIterations, total } from './ppo.ts';
import { freshAdapter, openSmollm, randomIds, stepGigaflops, tokenGigaflops } from './smollm.ts';
import { batch, time, trainingStep } from './step.ts';

/** Each in a process of its own. */
export const parts: Parts = {
  training: () => training({ name: '', recompute: false, rate: 0.75, memory: 2.8 }),
  'cheap recompute': () => training({ name: 'cheap recompute: ', recompute: 'cheap', rate: 0.7, memory: 1.9 }),
  recompute: () => training({ name: 'recompute: ', recompute: true, memory: 1.5 }),
  int8: () => training({ name: 'int8-base: ', recompute: false, precision: 'int8-base' }),
  loss: lossDifference,
  decoding,
  ppo,
};

interface Training {
  /** What its figures are called. */
  readonly name: string;
  readonly recompute: Recompute;
  readonly precision?: Precision;
  /** Bars: of the GEMM rate, and GB. */
  readonly rate?: number;
  readonly memory?: number;
}

async function training({ name, recompute, precision, rate, memory }: Training): Promise<Measured[]> {
  const model = await openSmollm({ precision });
  const { seconds: step, gigaflops } = await trainingStep(model, recompute);
  const reached = stepGigaflops(model.config, batch * time, time, batch * (time - 1)) / step;
  return [
    { name: `${name}SFT step 8×128`, value: step, unit: 's' },
    { name: `${name}training`, value: (batch * time) / step, unit: 'tokens/s' },
    { name: `${name}GEMM rate`, value: gigaflops, unit: 'GFLOP/s' },
    {
      name: `${name}SFT step / GEMM rate`,
      value: reached / gigaflops,
      unit: '',
      ...(rate !== undefined && { bar: { min: rate } }),
    },
    {
      name: `${name}peak memory`,
      value: peakGigabytes(),
      unit: 'GB',
      ...(memory !== undefined && { bar: { max: memory } }),
    },
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

/** One iteration, once everything is warm. */
async function ppo(): Promise<Measured[]> {
  const model = await openSmollm();
  let last: IterationSeconds | undefined;
  for await (const seconds of ppoIterations(model, 2)) last = seconds;
  return [
    ...Object.entries(last!).map(([phase, value]) => ({ name: `PPO iteration: ${phase}`, value, unit: 's' })),
    { name: 'PPO iteration', value: total(last!), unit: 's' },
    { name: 'PPO: peak memory', value: peakGigabytes(), unit: 'GB' },
  ];
}

/** Further apart than this from the loss in float32 after as many steps it must not be. */
const mostLossDifference = 0.01;
const lossSteps = 100;

/** What the bytes cost: the loss of 100 SFT steps on text of a simple rule, in float32 and on an int8 base. */
async function lossDifference(): Promise<Measured[]> {
  const losses: number[] = [];
  for (const precision of precisions) {
    const model = await openSmollm({ precision });
    losses.push(await lossAfter(model, lossSteps));
    await model.release();
  }
  const [exact, bytes] = losses;
  return [
    { name: `loss after ${lossSteps} steps, float32`, value: exact, unit: 'nats' },
    { name: `loss after ${lossSteps} steps, int8-base`, value: bytes, unit: 'nats' },
    {
      name: 'int8-base: loss difference',
      value: Math.abs(bytes / exact - 1),
      unit: '',
      bar: { max: mostLossDifference },
    },
  ];
}
