import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import type { DoctorReport } from '../../server/protocol/types.ts';
import { softwareVulkan } from '../support/softwareVulkan.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

describe('palate doctor, of devices', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  const program = join(packageRoot(), 'out', 'server', 'cli.js');

  it('says the limits of each that works, and what each model of this person needs of it', async function () {
    const places = { PALATE_HOME: join(temporary.path, 'home'), HF_HUB_CACHE: join(temporary.path, 'cache') };
    const env = { ...softwareVulkan(this), ...places };
    // Its exit code says whether this machine is well.
    const run = (...words: string[]) =>
      new Promise<string>((resolve) => {
        execFile(process.execPath, [program, ...words], { env, cwd: temporary.path }, (_, stdout) => resolve(stdout));
      });
    const model = await writeTinyModel(join(temporary.path, 'mine'));
    await run('model', 'add', model);
    const { devices, deviceNeeds } = JSON.parse(await run('doctor', '--json')) as DoctorReport;
    const webgpu = devices.find(({ name }) => name === 'webgpu') ?? assert.fail(JSON.stringify(devices));
    assert.ok(webgpu.software);
    assert.ok((webgpu.bufferLimit ?? 0) >= 2 ** 27, String(webgpu.bufferLimit));
    const { bufferLimit = 0, bufferRefused = 2 * bufferLimit } = webgpu;
    assert.equal(bufferRefused, 2 * bufferLimit);

    assert.deepEqual(deviceNeeds.map(({ model }) => model).sort(), ['embedded', 'mine']);
    const embedded = deviceNeeds.find(({ model }) => model === 'embedded') ?? assert.fail();
    assert.ok(embedded.bytes > embedded.largest.bytes && embedded.largest.bytes > 1000);
    assert.deepEqual(
      embedded.devices.map(({ name, fits }) => [name, fits]),
      devices.map(({ name }) => [name, true]),
    );
    const text = await run('doctor');
    assert.match(
      text,
      /✓ Model embedded: training takes about \S+ [MG]B of a device's memory, \S+ MB in one buffer \(.*weight\)/,
    );
    assert.match(text, /✓ Model mine: .*; WebGPU \(.*\) has room for it in the computer's own memory/);
  });
});
