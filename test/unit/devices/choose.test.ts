import assert from 'node:assert/strict';
import { chooseDevice, passedOver } from '../../../server/devices/choose.ts';
import type { Probed } from '../../../server/devices/probe.ts';
import type { DeviceName } from '../../../server/protocol/types.ts';
import { platformName } from '../../../server/tensorflow/home.ts';

const fast = { device: 900, cpu: 50 };
const answers: Record<string, Partial<Probed>> = {
  good: { works: true, adapter: 'NVIDIA RTX', rates: fast },
  software: { works: true, software: true, adapter: 'SwiftShader', rates: fast },
  slow: { works: true, rates: { device: 20, cpu: 50 } },
  broken: { works: false, reason: 'it did not answer within 60 s' },
};

function probing(found: Partial<Record<DeviceName, keyof typeof answers>>) {
  return {
    here: [...(Object.keys(found) as DeviceName[]), 'cpu' as const],
    probe: async (device: DeviceName): Promise<Probed> =>
      device === 'cpu'
        ? { device, works: true, software: false }
        : { device, works: false, software: false, ...answers[found[device]!] },
  };
}

describe('chooseDevice', () => {
  it('auto takes the first that works, is real, and is faster than the processor', async () => {
    const auto = async (found: Parameters<typeof probing>[0]) => (await chooseDevice('auto', probing(found))).device;
    assert.equal(await auto({ cuda: 'good', webgpu: 'good' }), 'cuda');
    assert.equal(await auto({ cuda: 'broken', webgpu: 'good' }), 'webgpu');
    assert.equal(await auto({ webgpu: 'software' }), 'cpu');
    assert.equal(await auto({ webgpu: 'slow' }), 'cpu');
    assert.equal(await auto({}), 'cpu');
  });

  it('takes what is asked for where it works, in software too, and names its adapter', async () => {
    assert.deepEqual(await chooseDevice('webgpu', probing({ webgpu: 'software' })), {
      device: 'webgpu',
      title: 'WebGPU (SwiftShader)',
    });
  });

  it('falls back to the CPU and says why', async () => {
    const broken = await chooseDevice('webgpu', probing({ webgpu: 'broken' }));
    assert.equal(broken.device, 'cpu');
    assert.match(broken.notice ?? '', /WebGPU does not work here \(it did not answer within 60 s\)/);
    const absent = (await chooseDevice('cuda', probing({}))).notice ?? '';
    const isLinux = platformName() === 'linux-x64';
    assert.match(
      absent,
      isLinux ? /CUDA does not work here \(.* not installed: `palate install-cuda`/ : /no such provider here/,
    );
    assert.match(
      (await chooseDevice('coreml', probing({}))).notice ?? '',
      /Core ML does not work here .*no such provider/,
    );
  });
});

describe('a device that the precision passes over', () => {
  it('is named where it would have been used', async () => {
    assert.match(
      (await passedOver('int8-base', 'auto', probing({ webgpu: 'good' }))) ?? '',
      /int8-base computes on the CPU, so WebGPU \(NVIDIA RTX\) is passed over: with the precision float32 it is used/,
    );
    assert.equal(await passedOver('int8-base', 'auto', probing({ webgpu: 'slow' })), undefined);
    assert.equal(await passedOver('int8-base', 'cpu', probing({ webgpu: 'good' })), undefined);
    assert.equal(await passedOver('float32', 'auto', probing({ webgpu: 'good' })), undefined);
  });
});
