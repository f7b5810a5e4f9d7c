import assert from 'node:assert/strict';
import { join } from 'node:path';
import { shape as smollm } from '../../../../scripts/benches/support/smollm.ts';
import { parseConfig } from '../../../../server/config.ts';
import { adapterBytes, estimateMemory, type MemoryQuestion } from '../../../../server/engine/memory/estimate.ts';
import { memoryQuestion } from '../../../../server/engine/memory/question.ts';
import { activationBytes, graphsToClose } from '../../../../server/engine/memory/sessions.ts';
import { trainConfig } from '../../../../server/engine/stages/config.ts';
import { describeModel } from '../../../../server/engine/weights/load.ts';
import { packageRoot } from '../../../../server/paths.ts';

describe('how much memory will be needed', () => {
  const stages = parseConfig(trainConfig, {}, 'the defaults');
  const basis = { config: smollm, engine: 'onnx', longestPrompt: 32, longestRow: 128 } as const;
  const ask = (use: MemoryQuestion['use'], change: Partial<MemoryQuestion> = {}) =>
    estimateMemory({ ...memoryQuestion(use, { stages }, basis), ...change });

  // Measured by `npm run bench -- smollm tensorflow` on SmolLM2-135M, in GB; and by `npm run prove -- memory`.
  const measured: [what: string, gigabytes: number, found: number][] = [
    ['an SFT step of 8×128', 2.675, ask('sft').total],
    ['the same, recomputed', 1.345, ask('sft', { recompute: true }).total],
    ['the same on TensorFlow', 2.497, ask('sft', { engine: 'tensorflow' }).total],
    ['PPO with 32 responses of 48 tokens', 3.058, ask('ppo', { maxNewTokens: 48 }).total],
    ['32 answers of 96 tokens', 1.861, ask('generate', { longestPrompt: 64, maxNewTokens: 96 }).total],
    ['scoring', 0.788, ask('score').total],
  ];
  for (const [what, gigabytes, found] of measured) {
    it(`${what} takes ${gigabytes} GB`, () => {
      assert.ok(found > 0.8e9 * gigabytes && found < 1.2e9 * gigabytes, `${(found / 1e9).toFixed(3)} GB`);
    });
  }

  it('the base is there once whatever stands on it; TensorFlow has a copy of its own', () => {
    const base = 4 * 134_515_008;
    for (const use of ['sft', 'reward', 'ppo', 'score', 'generate'] as const) {
      const { parts } = ask(use);
      assert.ok(Math.abs(parts.base - base) < 5e6, use);
      assert.equal(parts.secondCopy, 0);
    }
    assert.equal(ask('sft', { engine: 'tensorflow' }).parts.secondCopy, base);
    assert.equal(ask('score', { engine: 'tensorflow' }).parts.secondCopy, 0);
  });

  it('parts add up, and none is negative', () => {
    const { parts, total } = ask('ppo');
    assert.equal(
      Object.values(parts).reduce((sum, bytes) => sum + bytes, 0),
      total,
    );
    assert.ok(Object.values(parts).every((bytes) => bytes >= 0));
  });

  it('more tokens, more layers kept, more rank and longer answers take more', () => {
    const more = (use: MemoryQuestion['use'], change: Partial<MemoryQuestion>) =>
      ask(use, change).total - ask(use).total;
    assert.ok(more('sft', { microBatchTokens: 2048, rowsAtOnce: 16 }) > 1e9);
    assert.ok(more('sft', { recompute: true }) < -1e9);
    assert.ok(more('sft', { rank: 64 }) > 3 * adapterBytes(smollm, 16));
    assert.ok(more('generate', { maxNewTokens: 512 }) > 3e8);
    // A row longer than a micro-batch is one anyway.
    assert.ok(more('sft', { longestRow: 4096 }) > 4e9);
  });

  it('an adapter of rank 16 on all projections of SmolLM2-135M has 4.88 million numbers', () => {
    assert.equal(adapterBytes(smollm, 16), 4 * 4_884_480);
  });

  it('graphs are closed until the next one fits: the largest first, of equal ones the longest unused', () => {
    const open = [
      { key: 'a', bytes: 10 },
      { key: 'b', bytes: 30 },
      { key: 'c', bytes: 30 },
    ];
    const closed = (bytes: number) => graphsToClose(open, bytes, 100).map(({ key }) => key);
    assert.deepEqual([closed(30), closed(31), closed(70), closed(1000)], [[], ['b'], ['b', 'c'], ['b', 'c', 'a']]);
  });

  it('the embedded model keeps all its graphs open', () => {
    const { config } = describeModel(join(packageRoot(), 'models', 'tiny'));
    const one = activationBytes(config, 1024, 'train', 64);
    const question = memoryQuestion('ppo', { stages }, { ...basis, config, longestPrompt: 30 });
    assert.ok(estimateMemory(question).parts.graphs > 2 * one * 0.9);
  });
});
