import assert from 'node:assert/strict';
import { join } from 'node:path';
import { generate } from '../../../../server/engine/generation/generate.ts';
import { type ActiveAdapter, activate, Model } from '../../../../server/engine/model.ts';
import { readAdapter } from '../../../../server/engine/weights/adapters.ts';
import { loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { assertClose } from '../../../support/close.ts';
import { type Greedy, goldenFolder, goldenModels } from '../../../support/goldenModels.ts';
import { resultOf } from '../../../support/stages.ts';

// Greedy answers of Transformers, one prompt at a time, against ours, decoded together with a cache
// (test/support/golden/README.md).

describe('greedy answers of Transformers', () => {
  for (const { name, model: golden } of goldenModels) {
    it(`of the ${name} model, bare and with its adapter`, async () => {
      const model = new Model(await loadBaseModel(join(goldenFolder, golden.folder)));
      try {
        const prompts = golden.rows.ids.map((ids, row) => ids.slice(0, golden.rows.promptLengths[row]));
        const check = async (adapter: ActiveAdapter | undefined, expected: readonly Greedy[]) => {
          const options = { sampling: 'greedy', maxNewTokens: 10, stopIds: model.tokenizer.endIds, seed: 0 } as const;
          const answers = await resultOf(generate(model, adapter, prompts, options));
          for (const [k, { ids, logps, finished }] of answers.entries()) {
            assert.deepEqual([ids, finished], [expected[k].ids, expected[k].finished]);
            assertClose(logps, expected[k].logps, 1e-4);
          }
        };
        await check(undefined, golden.base.greedy);
        await check(activate(readAdapter(join(goldenFolder, golden.adapter.folder))), golden.adapter.greedy);
      } finally {
        await model.release();
      }
    });
  }
});
