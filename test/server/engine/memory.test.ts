import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { measuredPeak, memoryRows, predictedPeak } from '../../../scripts/proofs/support/memoryRuns.ts';
import type { MemoryUse } from '../../../server/engine/memory/estimate.ts';
import { packageRoot } from '../../../server/paths.ts';
import { nativeTensorflow } from '../../support/native.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the peak of memory on the embedded model is as predicted, to a fifth', function () {
  this.timeout(300_000);
  const temporary = temporaryFolder();
  const model = join(packageRoot(), 'models', 'tiny');
  const folder = (name: string) => {
    const path = join(temporary.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  };

  async function check(engine: 'onnx' | 'tensorflow', use: MemoryUse): Promise<void> {
    const run = { model, engine, use, recompute: false, folder: folder(engine), rows: memoryRows() };
    const [measured, predicted] = [await measuredPeak(run), predictedPeak(run)];
    const ratio = predicted / measured;
    const text = `${(predicted / 1e6).toFixed(0)} MB predicted, ${(measured / 1e6).toFixed(0)} MB measured`;
    assert.ok(ratio > 0.8 && ratio < 1.25, text);
  }

  // In this order: PPO and scoring read the reward model.
  for (const use of ['sft', 'reward', 'ppo', 'score', 'generate'] as const) {
    it(`onnx, ${use}`, () => check('onnx', use));
  }
  it('tensorflow, sft', function () {
    nativeTensorflow(this);
    return check('tensorflow', 'sft');
  });
});
