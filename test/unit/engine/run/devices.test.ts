import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunPlan } from '../../../../server/engine/run/plan.ts';
import { trainRun } from '../../../../server/engine/run/train.ts';
import type { EngineEvents } from '../../../../server/protocol/engine.ts';
import { fakePlan } from '../../../support/fakeStage.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('the device of a run', () => {
  const temporary = temporaryFolder();

  it('is told as a stage begins and as it moves, and kept in the manifest', async () => {
    const data = temporary.write('data.jsonl', '{"prompt":"p","chosen":"c","rejected":"r"}\n');
    const out = join(temporary.path, 'run');
    let deviceTitle: string | undefined = 'WebGPU (Big GPU)';
    let lacks = 2;
    const [failing] = fakePlan(['sft'], { steps: 4, failAfter: 2 }).stages;
    const [failingLater] = fakePlan(['sft'], { steps: 4, failAfter: 3 }).stages;
    const whole = fakePlan(['sft', 'reward', 'ppo'], { steps: 4 });
    const plan: RunPlan = {
      ...whole,
      stages: [failing, ...whole.stages.slice(1)],
      get deviceTitle() {
        return deviceTitle;
      },
      lessMemory() {
        // First less at once, then the processor, where nothing fails any more.
        lacks--;
        if (lacks === 0) deviceTitle = undefined;
        return { plan: lacks === 0 ? whole.stages[0] : failingLater, notice: `lacks ${lacks}` };
      },
    };
    const { signal } = new AbortController();
    const events: EngineEvents['train'][] = [];
    for await (const event of trainRun({ stage: 'all', model: 'm', data, out }, async () => plan, { signal })) {
      events.push(event);
    }
    const told = events.flatMap((event): unknown[] => {
      if (event.kind === 'notice') return [event.message];
      return event.kind === 'stage' ? [[event.stage, event.status, event.step, event.device]] : [];
    });
    assert.deepEqual(told.slice(0, 7), [
      ['sft', 'started', 0, 'WebGPU (Big GPU)'],
      'lacks 1',
      'lacks 0',
      ['sft', 'moved', 3, undefined],
      ['sft', 'done', 4, undefined],
      ['reward', 'started', 0, undefined],
      ['reward', 'done', 4, undefined],
    ]);
    const { stages } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
    assert.deepEqual(
      stages.map(({ devices, fallBacks }: { devices: string[]; fallBacks?: string[] }) => [devices, fallBacks]),
      [
        [
          ['WebGPU (Big GPU)', 'CPU'],
          ['lacks 1', 'lacks 0'],
        ],
        [['CPU'], undefined],
        [['CPU'], undefined],
      ],
    );
  });
});
