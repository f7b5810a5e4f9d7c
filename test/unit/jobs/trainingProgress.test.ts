import assert from 'node:assert/strict';
import { watchTraining } from '../../../server/jobs/trainingProgress.ts';
import type { JobProgress } from '../../../server/protocol/types.ts';

describe('progress of a training', () => {
  function watched() {
    const told: JobProgress[] = [];
    let clock = 0;
    const take = watchTraining(
      [
        { name: 'sft', weight: 1 },
        { name: 'reward', weight: 1 },
      ],
      { progress: (progress) => void told.push(progress), notice() {} },
      () => clock,
    );
    const steps = (step: number, seconds: number) => {
      clock += seconds * 1000;
      take({ kind: 'metrics', stage: 'sft', step, steps: 10, metrics: {} });
    };
    return { take, steps, last: () => told.at(-1) };
  }

  it('names the device of the stage from its start, until it moves', () => {
    const { take, steps, last } = watched();
    take({ kind: 'stage', stage: 'sft', status: 'started', step: 0, device: 'WebGPU (Big GPU)' });
    assert.deepEqual([last()?.stage, last()?.device], ['sft', 'WebGPU (Big GPU)']);
    steps(1, 2);
    take({ kind: 'progress', what: 'rollout', done: 1, total: 2 });
    assert.deepEqual([last()?.device, last()?.done], ['WebGPU (Big GPU)', 1]);
    take({ kind: 'stage', stage: 'sft', status: 'moved', step: 1 });
    assert.deepEqual([last()?.device, last()?.done, last()?.total], [undefined, 1, 10]);
    take({ kind: 'stage', stage: 'reward', status: 'started', step: 0 });
    assert.deepEqual([last()?.stage, last()?.device], ['reward', undefined]);
  });

  it('the time left is reckoned anew on another device', () => {
    const { take, steps, last } = watched();
    take({ kind: 'stage', stage: 'sft', status: 'started', step: 0, device: 'WebGPU' });
    steps(4, 4);
    assert.equal(last()?.secondsLeft, 6 + 10);
    take({ kind: 'stage', stage: 'sft', status: 'moved', step: 4 });
    assert.equal(last()?.secondsLeft, undefined);
    steps(5, 20);
    assert.ok(Math.abs((last()?.secondsLeft ?? 0) - 300) < 1e-6);
  });
});
