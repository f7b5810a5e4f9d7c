import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from '../../../../server/engine/generation/generate.ts';
import { type ActiveAdapter, activate, Model } from '../../../../server/engine/model.ts';
import { readAdapter } from '../../../../server/engine/weights/adapters.ts';
import { loadBaseModel } from '../../../../server/engine/weights/load.ts';
import { packageRoot } from '../../../../server/paths.ts';
import { assertClose } from '../../../support/close.ts';
import { resultOf } from '../../../support/stages.ts';

// Greedy answers of Transformers, one prompt at a time, against ours, decoded together with a cache
// (test/support/golden/README.md).

interface Greedy {
  readonly ids: readonly number[];
  readonly logps: readonly number[];
  readonly finished: boolean;
}
interface GoldenModel {
  readonly folder: string;
  readonly rows: { readonly ids: readonly (readonly number[])[]; readonly promptLengths: readonly number[] };
  readonly base: { readonly greedy: readonly Greedy[] };
  readonly adapter: { readonly folder: string; readonly greedy: readonly Greedy[] };
}

const folder = join(packageRoot(), 'test/support/golden');
const models = ['llama.json', 'families.json'].flatMap((name) => {
  const golden = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
    readonly models: Readonly<Record<string, GoldenModel>>;
  };
  return Object.entries(golden.models);
});

describe('greedy answers of Transformers', () => {
  for (const [name, golden] of models) {
    it(`of the ${name} model, bare and with its adapter`, async () => {
      const model = new Model(await loadBaseModel(join(folder, golden.folder)));
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
        await check(activate(readAdapter(join(folder, golden.adapter.folder))), golden.adapter.greedy);
      } finally {
        await model.release();
      }
    });
  }
});
