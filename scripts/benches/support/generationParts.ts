import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type GenerateOptions, generate } from '../../../server/engine/generation/generate.ts';
import { type ActiveAdapter, activate, Model } from '../../../server/engine/model.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import type { Precision } from '../../../server/protocol/types.ts';
import { testData } from '../../../test/support/testData.ts';
import { type Measured, median, type Parts, peakGigabytes } from './figures.ts';
import { openRolloutPeer, type RolloutPeer, type Work } from './rolloutPeer.ts';
import { freshAdapter, openSmollm, randomIds } from './smollm.ts';

/** Each in a process of its own; a cold start must be the file's first reading. */
export const generationParts: Parts = {
  rollout,
  'first token': firstToken,
  'model ready, cold': () => modelReady('cold'),
  'model ready, warm': () => modelReady('warm'),
};

const work: Work = { rows: 32, prompt: 32, tokens: 96 };
const rounds = 3;
const precisions: readonly Precision[] = ['float32', 'int8-base'];

async function rollout(): Promise<Measured[]> {
  const model = await openSmollm();
  const adapter = activate(freshAdapter(model, 'CAUSAL_LM'));
  const peer = await openRolloutPeer();
  // Opens sessions, and fills what fills at first.
  const short = { ...work, tokens: 4 };
  for (const precision of precisions) await timeOurs(model, adapter, short, precision);
  await peer?.time(short);
  const seconds: Record<Precision, number[]> = { float32: [], 'int8-base': [] };
  const ratios: Record<Precision, number[]> = { float32: [], 'int8-base': [] };
  const ofPeer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const precision of precisions) seconds[precision].push(await timeOurs(model, adapter, work, precision));
    if (peer === undefined) continue;
    const theirs = await peer.time(work);
    ofPeer.push(theirs);
    for (const precision of precisions) ratios[precision].push(theirs / seconds[precision][round]);
  }
  peer?.close();
  return [...told(seconds, ofPeer, ratios, peer), { name: 'rollout: peak memory', value: peakGigabytes(), unit: 'GB' }];
}

function told(
  seconds: Record<Precision, readonly number[]>,
  ofPeer: readonly number[],
  ratios: Record<Precision, readonly number[]>,
  peer: RolloutPeer | undefined,
): Measured[] {
  const rate = (times: readonly number[]) => (work.rows * work.tokens) / median(times);
  const figures: Measured[] = precisions.flatMap((precision) => [
    { name: `rollout, ${precision}`, value: median(seconds[precision]), unit: 's' },
    { name: `rollout, ${precision}: new tokens`, value: rate(seconds[precision]), unit: 'tokens/s' },
  ]);
  if (peer === undefined) return figures;
  const bars: Record<Precision, number> = { float32: 3, 'int8-base': 5 };
  return [
    ...figures,
    { name: 'rollout, Transformers and PEFT, float32', value: median(ofPeer), unit: 's' },
    ...precisions.map((precision) => ({
      name: `rollout: Transformers' time / that of ${precision}`,
      value: median(ratios[precision]),
      unit: '',
      bar: { min: bars[precision] },
    })),
  ];
}

async function timeOurs(model: Model, adapter: ActiveAdapter, { rows, prompt, tokens }: Work, precision: Precision) {
  const prompts = Array.from({ length: rows }, (_, row) => randomIds(prompt, row));
  const start = performance.now();
  await exhaust(model, adapter, prompts, { maxNewTokens: tokens, batch: rows, precision });
  return (performance.now() - start) / 1000;
}

async function exhaust(
  model: Model,
  adapter: ActiveAdapter | undefined,
  prompts: readonly (readonly number[])[],
  options: Pick<GenerateOptions, 'maxNewTokens' | 'batch' | 'precision'>,
): Promise<void> {
  const steps = generate(model, adapter, prompts, { sampling: { temperature: 1 }, stopIds: [], seed: 1, ...options });
  while (!(await steps.next()).done);
}

/** Until the first token is drawn, and from token to token after it. */
async function firstToken(): Promise<Measured[]> {
  const model = await openSmollm();
  const seconds = { opening: 0, first: [] as number[], next: [] as number[] };
  for (let k = 0; k < 8; k++) {
    const options = { sampling: { temperature: 1 }, maxNewTokens: 8, stopIds: [], seed: k };
    const steps = generate(model, undefined, [randomIds(30, k)], options);
    let start = performance.now();
    for (let step = 0; !(await steps.next()).done; step++) {
      const spent = (performance.now() - start) / 1000;
      start = performance.now();
      if (k === 0 && step === 0) seconds.opening = spent;
      else if (k > 0) (step === 0 ? seconds.first : seconds.next).push(spent);
    }
  }
  return [
    { name: 'first token', value: median(seconds.first), unit: 's', bar: { max: 0.3 } },
    { name: 'first token, its graph not open yet', value: seconds.opening, unit: 's' },
    { name: 'each further token', value: median(seconds.next), unit: 's' },
  ];
}

/** From the start of this process. */
async function modelReady(state: 'cold' | 'warm'): Promise<Measured[]> {
  const folder = testData('SmolLM2-135M-Instruct');
  const file = folder && join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf');
  if (file === undefined || !existsSync(file)) return [];
  if (state === 'cold' && !dropFromCache(file)) return [];
  const start = performance.now();
  const model = new Model(await loadBaseModel(file));
  // What was spent on emptying the cache is not the model's.
  const value = (importing + performance.now() - start) / 1000;
  await model.release();
  return [{ name: `model ready, ${state}`, value, unit: 's', bar: { max: state === 'cold' ? 4 : 1.5 } }];
}

/** Milliseconds from the start of the process until everything is imported. */
const importing = performance.now();

/** Asks the system to forget a file's content; false where it cannot be asked. */
function dropFromCache(file: string): boolean {
  try {
    execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
