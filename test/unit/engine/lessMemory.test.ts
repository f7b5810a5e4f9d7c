import assert from 'node:assert/strict';
import * as v from 'valibot';
import { LessMemory } from '../../../server/engine/lessMemory.ts';
import { Model } from '../../../server/engine/model.ts';
import { DeviceMemoryError, deviceFailure } from '../../../server/engine/onnx/webgpu/failures.ts';
import { ppoConfig, rewardConfig, sftConfig } from '../../../server/engine/stages/config.ts';
import { tinyModel } from '../../support/tinyModel.ts';

describe('less memory', () => {
  it('halves the micro-batch, then leaves the device, and says each', () => {
    const [device, cpu] = [new Model(tinyModel()), new Model(tinyModel())];
    const [sft, reward, ppo] = [
      v.parse(sftConfig, { microBatchTokens: 512 }),
      v.parse(rewardConfig, {}),
      v.parse(ppoConfig, {}),
    ];
    const way = new LessMemory(device, cpu, { sft, reward, ppo });
    const lack = deviceFailure('webgpu', new Error('vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY'));
    assert.match(way.after('sft', lack) ?? '', /no memory left\. Training goes on there with micro-batches of 256/);
    assert.match(way.after('sft', lack) ?? '', /micro-batches of 128 tokens instead of 256/);
    assert.equal(way.configs.sft.microBatchTokens, 128);
    assert.equal(way.configs.reward.microBatchTokens, reward.microBatchTokens);
    assert.equal(way.model, device);
    assert.match(way.after('sft', lack) ?? '', /goes on on the CPU/);
    assert.equal(way.model, cpu);
    assert.equal(way.after('sft', lack), undefined);
  });

  it('tells a lack of memory and a buffer that is too large from everything else', () => {
    const large = deviceFailure('webgpu', new Error('Buffer size (2000) exceeds the max buffer size limit (1000).'));
    assert.ok(large instanceof DeviceMemoryError);
    assert.match(large.message, /one buffer of 2000 bytes was needed, and the device allows 1000/);
    // The first as WebGPU on software Vulkan gave it; the others as onnxruntime's sources write them.
    for (const said of [
      'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While validating entries[1]',
      'Failed to create GPU buffer: size=1073741824 usage=140',
      'BFC Arena ran out of memory trying to allocate 268435456',
      'CUDA failure 2: out of memory',
    ]) {
      assert.ok(deviceFailure('webgpu', new Error(said)) instanceof DeviceMemoryError, said);
    }
    const other = new Error('shader compilation failed');
    assert.equal(deviceFailure('webgpu', other), other);
  });
});
