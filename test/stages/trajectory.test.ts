import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { Model } from '../../server/engine/model.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../server/engine/stages/config.ts';
import { ppoStage } from '../../server/engine/stages/ppo.ts';
import { rewardStage } from '../../server/engine/stages/reward.ts';
import { sftStage } from '../../server/engine/stages/sft.ts';
import type { StageEvent } from '../../server/engine/stages/stage.ts';
import type { Adapter } from '../../server/engine/weights/types.ts';
import { packageRoot } from '../../server/paths.ts';
import { randomPairs, randomSequences } from '../support/sequences.ts';
import { runStage } from '../support/stages.ts';
import { tinyModel } from '../support/tinyModel.ts';

// Three stages one after the other, with every default but their length, from one seed: what they tell and what they
// leave is pinned. A change here is a change of what everybody's runs do; say so in CHANGELOG.md, and write the new
// values with PALATE_WRITE_TRAJECTORY=1.

const file = join(packageRoot(), 'test/stages/trajectory.json');

interface Trajectory {
  readonly lines: readonly { readonly stage: string; readonly kind: string; readonly [name: string]: unknown }[];
  /** Norm of each tensor of the last adapter. */
  readonly norms: Readonly<Record<string, number>>;
}

async function run(): Promise<Trajectory> {
  const model = new Model(tinyModel({ seed: 5 }));
  const lines: Trajectory['lines'][number][] = [];
  const keep = (stage: string, events: readonly StageEvent[]) => {
    for (const event of events) {
      if (event.kind === 'sample')
        lines.push({ stage, kind: 'sample', response: event.response, reward: event.reward });
      if (event.kind === 'step' || event.kind === 'metrics') lines.push({ stage, kind: event.kind, ...event.metrics });
    }
  };
  const sft = sftStage(model, randomSequences(24), v.parse(sftConfig, { rank: 4 }), { seed: 11 });
  const sftState = sft.start();
  keep('sft', await runStage(sft, sftState));
  const from = sft.adapter(sftState);
  const reward = rewardStage(model, randomPairs(24), v.parse(rewardConfig, {}), { seed: 11, from });
  const rewardState = reward.start();
  keep('reward', await runStage(reward, rewardState));
  const prompts = randomSequences(20).map(({ prompt }) => prompt);
  const inputs = { prompts, sft: from, reward: reward.adapter(rewardState) };
  const ppo = ppoStage(model, inputs, v.parse(ppoConfig, { iterations: 2, maxNewTokens: 12 }), { seed: 11 });
  const ppoState = ppo.start();
  keep('ppo', await runStage(ppo, ppoState));
  await model.release();
  return { lines, norms: norms(ppo.adapter(ppoState)) };
}

function norms({ tensors }: Adapter): Record<string, number> {
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, Math.hypot(...data)]));
}

/** Another CPU adds in another order: numbers agree to 0.1 %, near zero to 1e-4; texts and counts exactly. */
function assertAlike(actual: Record<string, unknown>, expected: Record<string, unknown>, what: string): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected), what);
  for (const [name, value] of Object.entries(expected)) {
    const found = actual[name];
    if (typeof value !== 'number') assert.equal(found, value, `${what}: ${name}`);
    else {
      const near = Math.abs((found as number) - value) <= 1e-4 + 1e-3 * Math.abs(value);
      assert.ok(near, `${what}: ${name} is ${found}, pinned ${value}`);
    }
  }
}

describe('a seeded run of all stages', () => {
  it('goes as it is pinned', async function () {
    this.timeout(60_000);
    const trajectory = await run();
    if (process.env.PALATE_WRITE_TRAJECTORY) writeFileSync(file, `${JSON.stringify(trajectory, null, 2)}\n`);
    const pinned = JSON.parse(readFileSync(file, 'utf8')) as Trajectory;
    assert.equal(trajectory.lines.length, pinned.lines.length);
    for (const [k, line] of pinned.lines.entries()) {
      assertAlike(trajectory.lines[k], line, `line ${k + 1} (${line.stage} ${line.kind})`);
    }
    assertAlike(trajectory.norms, pinned.norms as Record<string, unknown>, 'the policy');
  });
});
