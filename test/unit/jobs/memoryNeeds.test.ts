import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseConfig } from '../../../server/config.ts';
import { trainConfig } from '../../../server/engine/stages/config.ts';
import { heldCheck, needsCheck } from '../../../server/jobs/doctorMemory.ts';
import { longestOf, memoryNeeds } from '../../../server/jobs/memoryNeeds.ts';
import { packageRoot } from '../../../server/paths.ts';
import type { PreferenceRow } from '../../../server/protocol/types.ts';

describe('what a model will need', () => {
  const stages = parseConfig(trainConfig, {}, 'the defaults');
  const row = (prompt: PreferenceRow['prompt'], chosen: string, rejected: string): PreferenceRow => ({
    prompt,
    chosen,
    rejected,
    chosenFinished: true,
    rejectedFinished: true,
  });

  it('is reckoned for each use, with the engine and the settings that are asked for', async () => {
    const model = join(packageRoot(), 'models', 'tiny');
    const needs = await memoryNeeds(model, { stages, engine: 'onnx' }, []);
    assert.deepEqual(
      needs.map(({ use }) => use),
      ['sft', 'reward', 'ppo', 'generate', 'score'],
    );
    assert.ok(needs.every(({ bytes }) => bytes > 1e8 && bytes < 6e8));
    const other = await memoryNeeds(model, { stages, engine: 'tensorflow' }, []);
    assert.ok(other[0].bytes > needs[0].bytes + 3e8);
    assert.equal(other[4].bytes, needs[4].bytes);
    await assert.rejects(memoryNeeds('/nowhere.gguf', { stages, engine: 'onnx' }, []), /There is no model at/);
  });

  it('the longest rows are told by their characters', () => {
    const rows = [row('x'.repeat(35), 'y'.repeat(70), ''), row([{ role: 'user', content: 'x'.repeat(7) }], '', '')];
    assert.deepEqual(longestOf(rows), { longestPrompt: 14, longestRow: 30 });
    assert.ok(longestOf([]).longestRow > 100);
  });

  it('is held against what is available, with what to do', () => {
    const needs = [
      { use: 'sft', bytes: 2.7e9, parts: {} },
      { use: 'ppo', bytes: 3.1e9, parts: {} },
    ] as const;
    const well = needsCheck(needs, 'onnx', 4e9);
    assert.ok(well.ok);
    assert.match(well.message, /on onnx at most about: SFT 2\.7 GB, PPO 3\.1 GB; 4\.0 GB is available/);
    const short = needsCheck(needs, 'onnx', 3e9);
    assert.equal(short.ok, false);
    assert.match(short.message, /too little for PPO: set "recompute": true/);
  });

  it('what is held names the base once, and each adapter', () => {
    const memory = { resident: 2e9, peak: 3e9, heap: 1, buffers: 1 };
    const engine = { pid: 1, node: 'v20', requests: [], memory };
    assert.match(heldCheck(engine).message, /no model is loaded; the engine takes 2\.0 GB/);
    const held = {
      base: { path: '/m.gguf', bytes: 538e6 },
      secondCopy: 0,
      adapters: [{ role: 'critic', bytes: 78e6 }],
      graphs: 1.2e9,
    };
    assert.match(
      heldCheck({ ...engine, held }).message,
      /^2\.0 GB: the base \/m\.gguf once, 0\.5 GB, for all, critic 78 MB, open graphs about 1\.2 GB$/,
    );
  });
});
