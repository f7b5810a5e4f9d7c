import assert from 'node:assert/strict';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { Serialisable, Stage, StageEvent } from '../../server/engine/stages/stage.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { copyOf } from '../support/stages.ts';
import { tinyAdapter, tinyModel } from '../support/tinyModel.ts';

// A person may stop a run at every event. The driver then saves the state as it is, cuts off what was logged since the
// last step, and goes on from there another day. Nothing may be lost by that, and nothing may come twice.

type Open<State> = { readonly stage: Stage<State & Serialisable>; readonly state: State & Serialisable };

interface Told {
  /** Steps, metrics and samples, in order. */
  readonly lines: StageEvent[];
  readonly adapter: Adapter;
}

const logged = (event: StageEvent) => event.kind !== 'work' && event.kind !== 'notice';

async function whole<State>({ stage, state }: Open<State>): Promise<Told & { events: number }> {
  const lines: StageEvent[] = [];
  let events = 0;
  for await (const event of stage.run(state)) {
    events++;
    if (logged(event)) lines.push(event);
  }
  return { lines, adapter: stage.adapter(state), events };
}

/** Stops at event number `at`, and goes on from a copy of the state in a new stage. */
async function stopped<State>(open: () => Open<State>, at: number): Promise<Told> {
  const first = open();
  const before: StageEvent[] = [];
  let events = 0;
  for await (const event of first.stage.run(first.state)) {
    if (logged(event)) before.push(event);
    if (events++ === at) break;
  }
  const last = before.findLastIndex((event) => event.kind === 'step');
  const { stage } = open();
  const after = await whole({ stage, state: copyOf(first.state) });
  return { lines: [...before.slice(0, last + 1), ...after.lines], adapter: after.adapter };
}

async function check<State>(open: () => Open<State>): Promise<void> {
  const expected = await whole(open());
  assert.ok(expected.lines.length >= 5);
  for (let at = 0; at < expected.events; at++) {
    const { lines, adapter } = await stopped(open, at);
    assert.deepEqual(lines, expected.lines, `lines, stopped at event ${at}`);
    assert.deepEqual(adapter, expected.adapter, `adapter, stopped at event ${at}`);
  }
}

describe('a stage stopped at any event and gone on with: the same lines and bytes', () => {
  const model = new Model(tinyModel({ config: { layers: 1 } }));
  after(() => model.release());
  const small = { rank: 2, microBatchTokens: 64, batchSize: 3 };

  it('sft', async function () {
    this.timeout(60_000);
    const config = v.parse(sftConfig, { ...small, epochs: 2 });
    await check(() => {
      const stage = sftStage(model, randomSequences(7), config, { seed: 1 });
      return { stage, state: stage.start() };
    });
  });

  it('reward', async function () {
    this.timeout(60_000);
    const config = v.parse(rewardConfig, { ...small, heldOut: 0.3 });
    await check(() => {
      const stage = rewardStage(model, randomPairs(7), config, { seed: 1 });
      return { stage, state: stage.start() };
    });
  });

  it('ppo, the coefficient of KL adapted', async function () {
    this.timeout(120_000);
    const settings = {
      microBatchTokens: 32,
      batchSize: 2,
      rolloutBatch: 3,
      iterations: 2,
      maxNewTokens: 3,
      policyEpochs: 1,
    };
    const config = v.parse(ppoConfig, { ...settings, klTarget: 0.1, klHorizon: 10, learningRate: 0.01 });
    const prompts = randomSequences(3, { prompt: [18, 22] }).map(({ prompt }) => prompt);
    const [sft, reward] = [tinyAdapter(model.base), tinyAdapter(model.base, { seed: 9, task: 'SEQ_CLS' })];
    await check(() => {
      const stage = ppoStage(model, { prompts, sft, reward }, config, { seed: 1 });
      return { stage, state: stage.start() };
    });
  });
});
