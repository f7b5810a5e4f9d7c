import assert from 'node:assert/strict';
import { deviceFit, deviceLimits, deviceNeedChecks } from '../../../server/jobs/deviceNeeds.ts';
import type { DeviceLimits } from '../../../server/protocol/types.ts';

const webgpu: DeviceLimits = { name: 'webgpu', title: 'WebGPU (Card)', software: false };
const largest = { name: 'model.embed_tokens.weight', bytes: 1.2e9 };
const need = { bytes: 6e9, largest };

describe('what a model needs of a device', () => {
  const fits = (change: Partial<DeviceLimits>) => {
    const { fits, message } = deviceFit({ ...webgpu, ...change }, need);
    return [fits, message] as const;
  };

  it('is held against one buffer and the memory, as far as these are known', () => {
    const refused = fits({ bufferLimit: 5.4e8, bufferRefused: 1.1e9, memory: 2e10 });
    assert.deepEqual(refused, [false, 'is too small for it: one buffer of 1.1 GB was refused']);
    const [small, why] = fits({ bufferLimit: 4.3e9, memory: 4e9 });
    assert.equal(small, false);
    assert.match(why, /too small for it with its 4\.0 GB: smaller micro-batches may fit/);
    assert.deepEqual(fits({ bufferLimit: 4.3e9, memory: 8e9 }), [true, 'has room for it with its 8.0 GB']);
    assert.equal(fits({ bufferLimit: 5.4e8, memory: 8e9 })[0], null, 'more was not tried');
    assert.equal(fits({ bufferLimit: 1.1e9, bufferRefused: 2.1e9, memory: 8e9 })[0], null, 'between the two');
    assert.equal(fits({ bufferLimit: 4.3e9 })[0], null);
    assert.equal(fits({ bufferLimit: 4.3e9, software: true })[0], true);
    assert.equal(fits({ memory: 8e9 })[0], true, 'CUDA has no limit of one buffer');
  });

  it('is one line a model, with what each device says', () => {
    const devices = [deviceFit({ ...webgpu, bufferRefused: 1e9 }, need)];
    const [line, other] = deviceNeedChecks([
      { model: 'org/name', path: '/m', ...need, devices },
      { model: 'small', path: '/s', ...need, devices: [] },
    ]);
    assert.deepEqual([line.name, line.ok, line.optional], ['Model org/name', false, true]);
    assert.match(
      line.message,
      /about 6\.0 GB of a device's memory, 1\.2 GB in one buffer \(model\.embed_tokens\.weight\); WebGPU \(Card\) is too small/,
    );
    assert.ok(other.ok);
  });

  it('limits are those of devices that work, the CPU apart', async () => {
    const base = { software: false, works: true } as const;
    const limits = await deviceLimits(
      [
        { ...base, device: 'cuda', works: false, reason: 'x' },
        { ...base, device: 'webgpu', adapter: 'Card', bufferLimit: 7, bufferRefused: 14 },
        { ...base, device: 'cpu' },
      ],
      async () => [{ name: 'Card', bytes: 99 }],
    );
    assert.deepEqual(limits, [{ ...webgpu, bufferLimit: 7, bufferRefused: 14, memory: 99 }]);
  });
});
