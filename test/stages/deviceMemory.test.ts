import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DeviceMemoryError, deviceFailure } from '../../server/engine/onnx/webgpu/failures.ts';
import type { StageRecord } from '../../server/engine/run/manifest.ts';
import { readSafetensors } from '../../server/engine/weights/safetensors.ts';
import type { TrainParams } from '../../server/protocol/engine.ts';
import { bundleProgram } from '../support/bundle.ts';
import { relativeError } from '../support/close.ts';
import type { LackingReport } from '../support/lackingDevice.ts';
import { softwareVulkan } from '../support/softwareVulkan.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

describe('a device without memory', function () {
  this.timeout(300_000);
  const temporary = temporaryFolder();
  let environment: NodeJS.ProcessEnv;
  let program: string;
  let params: Omit<TrainParams, 'out' | 'device'>;

  before(async function () {
    // What the device showed is kept beside nothing of this person's.
    environment = { ...softwareVulkan(this), PALATE_HOME: join(temporary.path, 'home') };
    program = await bundleProgram('test/support/lackingDevice.ts');
    const rows = Array.from({ length: 12 }, (_, k) => ({ prompt: `say ${k}`, chosen: `a ${k} b`, rejected: `c ${k}` }));
    const data = temporary.write('preferences.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const learns = { batchSize: 4, epochs: 1, rank: 2, microBatchTokens: 256 };
    const ppo = { iterations: 1, rolloutBatch: 4, batchSize: 2, maxNewTokens: 4, microBatchTokens: 256 };
    const value = { sft: learns, reward: { ...learns, heldOut: 0 }, ppo };
    const model = await writeTinyModel(join(temporary.path, 'model'));
    params = { stage: 'all', model, data, config: { value, source: 'test' }, seed: 3, threads: 1 };
  });

  async function train(name: string, device: 'cpu' | 'webgpu', fail: readonly number[] = []) {
    const out = join(temporary.path, name);
    const task = JSON.stringify({ params: { ...params, out, device }, fail });
    const options = { env: environment, maxBuffer: 2 ** 26 };
    const { stdout } = await promisify(execFile)(process.execPath, [program, task], options);
    const records: StageRecord[] = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')).stages;
    const { tensors } = readSafetensors(join(out, 'policy', 'adapter_model.safetensors'));
    return { ...(JSON.parse(stdout) as LackingReport), records, tensors };
  }

  it('goes on with less at once, then on the CPU, says each, and ends as a run on the CPU', async () => {
    const found = await train('lacking', 'webgpu', [2, 9, 11]);
    assert.equal(found.errors.length, 3);
    for (const message of found.errors)
      assert.ok(deviceFailure('webgpu', new Error(message)) instanceof DeviceMemoryError);
    const [onDevice, less, lessInPpo, onCpu] = found.notices;
    assert.match(onDevice, /^Training runs on WebGPU \(.*\)\.$/);
    assert.match(less, /^webgpu: .*\. Training goes on there with micro-batches of 128 tokens instead of 256\.$/);
    assert.equal(lessInPpo, less, 'each stage begins with all of it');
    assert.match(onCpu, /^webgpu: .*\. Training goes on on the CPU\.$/);
    assert.equal(found.notices.length, 4);
    const [device] = /WebGPU \(.*\)/.exec(onDevice) ?? [];
    assert.deepEqual(
      found.stages.map((event) => [event.stage, event.status, event.device]),
      [
        ['sft', 'started', device],
        ['sft', 'done', device],
        ['reward', 'started', device],
        ['reward', 'done', device],
        ['ppo', 'started', device],
        ['ppo', 'moved', undefined],
        ['ppo', 'done', undefined],
      ],
    );
    assert.deepEqual(
      found.records.map(({ status, devices, fallBacks }) => [status, devices, fallBacks]),
      [
        ['done', [device], [less]],
        ['done', [device], undefined],
        ['done', [device, 'CPU'], [less, onCpu]],
      ],
    );

    const expected = await train('cpu', 'cpu');
    assert.deepEqual(expected.records[2].devices, ['CPU']);
    assert.deepEqual(
      found.steps.map(({ stage, step }) => [stage, step]),
      expected.steps.map(({ stage, step }) => [stage, step]),
    );
    for (const [k, { metrics }] of found.steps.entries()) {
      const loss = Object.keys(metrics).find((name) => /loss/.test(name)) ?? assert.fail('no loss');
      const error = relativeError([metrics[loss]], [expected.steps[k].metrics[loss]]);
      assert.ok(error <= 1e-4, `${loss} of step ${k + 1} is off by ${error}`);
    }
    for (const [name, { data }] of expected.tensors) {
      const error = relativeError(found.tensors.get(name)?.data ?? [], data);
      assert.ok(error <= 1e-3, `${name} is off by ${error}`);
    }
  });
});
