import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { GemmaConfig } from '../../../../models/gemma.ts';
import { generate } from '../../../../server/engine/generation/generate.ts';
import { Model } from '../../../../server/engine/model.ts';
import { responseLogps } from '../../../../server/engine/scoring.ts';
import { loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { assertClose } from '../../../support/close.ts';
import { goldenFolder } from '../../../support/goldenModels.ts';
import { resultOf } from '../../../support/stages.ts';

// Decoding with a cache against one forward pass over the whole text, far beyond the window of the layers that have one:
// prompts are read in stretches of 32 tokens.

describe('layers whose attention slides', () => {
  const prompts = [50, 41, 3].map((length) => Array.from({ length }, (_, k) => 11 + ((7 * k * k + length) % 50)));
  const options = { sampling: 'greedy', maxNewTokens: 10, stopIds: [], seed: 0 } as const;

  it('decode with a cache as they read the whole text', async () => {
    const base = await loadBaseModel(join(goldenFolder, 'gemma3'));
    const [sliding, open] = [await logpsOf(new Model(base)), await logpsOf(new Model(withWindow(base, 64)))];
    for (const { decoded, scored } of [sliding, open]) {
      for (const [row, logps] of decoded.entries()) assertClose(logps, [...scored[row]], 1e-4);
    }
    const moved = sliding.decoded[0].map((logp, k) => Math.abs(logp - open.decoded[0][k]));
    assert.ok(Math.max(...moved) > 0.01, 'the window changes what is computed');
  });

  async function logpsOf(model: Model) {
    try {
      const answers = await resultOf(generate(model, undefined, prompts, options));
      const sequences = answers.map(({ ids }, row) => ({ prompt: prompts[row], response: ids }));
      const scored = await resultOf(responseLogps(model, undefined, sequences));
      return { decoded: answers.map(({ logps }) => logps), scored };
    } finally {
      await model.release();
    }
  }

  function withWindow<Base extends { readonly config: unknown }>(base: Base, window: number): Base {
    const config = base.config as GemmaConfig;
    assert.ok(config.local !== undefined);
    return { ...base, config: { ...config, local: { ...config.local, window } } };
  }
});
