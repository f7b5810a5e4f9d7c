import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bundleProgram } from '../support/bundle.ts';
import { relativeError } from '../support/close.ts';
import type { DeviceReport } from '../support/deviceCases.ts';
import { softwareVulkan } from '../support/softwareVulkan.ts';

describe('webgpu', function () {
  this.timeout(600_000);
  let program: string;
  let environment: NodeJS.ProcessEnv;
  before(async function () {
    environment = softwareVulkan(this);
    program = await bundleProgram('test/support/deviceStage.ts');
  });

  /** Each run is a process of its own: onnxruntime may abort on WebGPU. */
  async function run(device: 'cpu' | 'webgpu', name: string, steps: number): Promise<DeviceReport> {
    const options = { env: environment, maxBuffer: 2 ** 28 };
    const { stdout } = await promisify(execFile)(process.execPath, [program, device, name, String(steps)], options);
    return JSON.parse(stdout) as DeviceReport;
  }

  /** PPO's ten policy steps come before ten critic steps; their gradients are looked at after the first of each. */
  const cases = {
    sft: { steps: 10, first: [1] },
    gemma: { steps: 10, first: [1] },
    ppo: { steps: 20, first: [1, 11] },
  };
  for (const [name, { steps, first }] of Object.entries(cases)) {
    it(`${name}: gradients agree with the CPU's to 1e-4`, async () => {
      for (const [learner, step] of first.entries()) {
        const [expected, found] = await Promise.all([run('cpu', name, step), run('webgpu', name, step)]);
        // After one update the first moment is the clipped gradient times 1 − β₁.
        const error = relativeError(found.learners[learner].first, expected.learners[learner].first);
        assert.equal(expected.learners[learner].updates, 1);
        assert.ok(expected.learners[learner].first.some((entry) => Math.abs(entry) > 1e-4));
        assert.ok(error <= 1e-4, `the gradient of learner ${learner} is off by ${error}`);
      }
    });

    it(`${name}: losses are the CPU's, no operation runs on the CPU, and the state stays on the GPU`, async () => {
      const [expected, found] = await Promise.all([run('cpu', name, steps), run('webgpu', name, steps)]);
      assert.equal(found.steps.length, steps);
      const losses = Object.keys({ ...expected.steps[0], ...expected.steps.at(-1) }).filter((key) => /loss/.test(key));
      assert.ok(losses.length > 0);
      for (const loss of losses) {
        const trajectory = (report: DeviceReport) => report.steps.map((metrics) => metrics[loss] ?? 0);
        const error = relativeError(trajectory(found), trajectory(expected));
        assert.ok(error <= 1e-4, `${loss} is off by ${error}`);
      }
      expected.learners.forEach(({ parameters }, k) => {
        const error = relativeError(found.learners[k].parameters, parameters);
        assert.ok(error <= 1e-3, `parameters of learner ${k} are off by ${error}`);
      });
      const bytes = 4 * expected.learners[0].parameters.length;
      found.traffic.forEach((after, k) => {
        if (first.includes(k + 1)) return;
        const before = found.traffic[k - 1];
        assert.equal(after.uploaded, before.uploaded, `step ${k + 1} sent weights or state to the GPU`);
        assert.equal(after.downloaded, before.downloaded, `step ${k + 1} brought state to the host`);
        const crossed = after.crossed - before.crossed;
        assert.ok(crossed > 0 && crossed < bytes, `${crossed} bytes crossed in step ${k + 1}, of ${bytes} parameters`);
      });
    });
  }
});
