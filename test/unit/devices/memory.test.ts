import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { graphicsCards, memoryOf } from '../../../server/devices/memory.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the memory of graphics cards', () => {
  const temporary = temporaryFolder();

  it("is what nvidia-smi and the kernel's files of AMD's driver say", async function () {
    if (process.platform === 'win32') skip(this, 'the stand-in for nvidia-smi is a shell script');
    const program = temporary.write('nvidia-smi', '#!/bin/sh\necho "NVIDIA GeForce RTX 4070, 12282"\necho "odd"\n');
    chmodSync(program, 0o755);
    const folder = join(temporary.path, 'drm');
    for (const [name, bytes] of [
      ['card0', '17163091968\n'],
      ['card0-DP-1', '1\n'],
    ]) {
      mkdirSync(join(folder, name, 'device'), { recursive: true });
      writeFileSync(join(folder, name, 'device', 'mem_info_vram_total'), bytes);
    }
    mkdirSync(join(folder, 'card1', 'device'), { recursive: true });
    assert.deepEqual(await graphicsCards({ program, folder }), [
      { name: 'NVIDIA GeForce RTX 4070', bytes: 12282 * 2 ** 20 },
      { name: 'AMD', bytes: 17163091968 },
    ]);
    const nothing = { program: join(temporary.path, 'none'), folder: join(temporary.path, 'none') };
    assert.deepEqual(await graphicsCards(nothing), []);
  });

  it('belongs to the device that computes on the card', () => {
    const cards = [
      { name: 'NVIDIA GeForce RTX 4070', bytes: 12 },
      { name: 'AMD', bytes: 16 },
    ];
    const webgpu = (adapter?: string, software = false) => ({ device: 'webgpu', adapter, software });
    assert.equal(memoryOf({ device: 'cuda', software: false }, cards), 12);
    assert.equal(memoryOf(webgpu('NVIDIA GeForce RTX 4070'), cards), 12);
    assert.equal(memoryOf(webgpu('AMD Radeon RX 7800 (RADV NAVI32)'), cards), 16);
    assert.equal(memoryOf(webgpu('Intel Arc'), cards), undefined);
    assert.equal(memoryOf(webgpu(), cards), undefined);
    assert.equal(memoryOf(webgpu(), cards.slice(0, 1)), 12);
    assert.equal(memoryOf(webgpu('SwiftShader', true), cards), undefined);
  });
});
