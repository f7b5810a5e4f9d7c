import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { activate, Model } from '../../../server/engine/model.ts';
import { lastScores } from '../../../server/engine/scoring.ts';
import { checkAdapter, readAdapter, writeAdapter } from '../../../server/engine/weights/adapters.ts';
import { loadBaseModel } from '../../../server/engine/weights/load.ts';
import type { Adapter } from '../../../server/engine/weights/types.ts';
import { assertClose } from '../../support/close.ts';
import { goldenFolder, goldenModels } from '../../support/goldenModels.ts';
import { logitsOf } from '../../support/logits.ts';
import { type AdapterRequest, noPeer, peerPython, peftLogits } from '../../support/peer/peer.ts';
import { skip } from '../../support/skip.ts';
import { resultOf } from '../../support/stages.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { sequencesOf, trainAdapters } from '../../support/trainedAdapters.ts';

/** What PEFT gave for adapters that Palate's command line trained: test/support/golden/make_trained.py. */
interface Trained {
  readonly base: string;
  readonly ids: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
  readonly scores: readonly number[];
}

describe('an adapter trained here, in PEFT', () => {
  const folder = temporaryFolder();
  const models: Model[] = [];
  after(async () => {
    for (const model of models) await model.release();
  });
  const open = async (base: string): Promise<Model> => {
    const model = new Model(await loadBaseModel(join(goldenFolder, base)));
    models.push(model);
    return model;
  };
  /** Logits of every row, or the scores of a reward model. */
  const ours = async (model: Model, adapter: Adapter, ids: readonly (readonly number[])[]): Promise<number[][]> => {
    const active = activate(adapter);
    if (adapter.task === 'SEQ_CLS') {
      const rows = ids.map((row) => ({ prompt: row.slice(0, 1), response: row.slice(1) }));
      return [...(await resultOf(lastScores(model, active, rows)))].map((score) => [score]);
    }
    const logits: number[][] = [];
    for (const row of ids) logits.push([...(await logitsOf(model, active, row))]);
    return logits;
  };

  it('gave these logits and scores', async () => {
    const place = join(goldenFolder, 'trained');
    const golden = JSON.parse(readFileSync(join(place, 'trained.json'), 'utf8')) as Trained;
    const model = await open(golden.base);
    const [sft, reward] = ['sft', 'reward'].map((name) => readAdapter(join(place, name)));
    for (const adapter of [sft, reward]) checkAdapter(adapter, model.config);
    assertClose((await ours(model, sft, golden.ids)).flat(), golden.logits.flat(), 1e-5, 'logits');
    assertClose((await ours(model, reward, golden.ids)).flat(), golden.scores, 1e-5, 'scores');
  });

  it('is written as that one is: the same files, keys, names and shapes', async () => {
    const { model: golden, name } = goldenModels[0];
    const trained = await trainAdapters(await open(name), golden.rows);
    for (const stage of ['sft', 'reward'] as const) {
      const written = join(folder.path, stage);
      writeAdapter(written, trained[stage], { baseModelPath: name });
      const config = (path: string) => JSON.parse(readFileSync(join(path, 'adapter_config.json'), 'utf8'));
      const before = join(goldenFolder, 'trained', stage);
      const base = { base_model_name_or_path: name };
      assert.deepEqual(config(written), { ...config(before), ...base });
      const shapes = (path: string) => [...readAdapter(path).tensors].map(([tensor, { shape }]) => [tensor, shape]);
      assert.deepEqual(shapes(written), shapes(before));
    }
  });

  it('gives the same logits in every family, and a reward model the same scores', async function () {
    const python = peerPython();
    if (python === undefined) skip(this, noPeer);
    this.timeout(300_000);
    const requests: AdapterRequest[] = [];
    const expected: number[][][] = [];
    for (const { name, model: golden } of goldenModels) {
      const model = await open(name);
      const trained = await trainAdapters(model, golden.rows);
      const ids = sequencesOf(golden.rows).map(({ prompt, response }) => [...prompt, ...response]);
      for (const [stage, adapter] of Object.entries(trained)) {
        const path = join(folder.path, `${name}-${stage}`);
        const base = join(goldenFolder, name);
        writeAdapter(path, adapter, { baseModelPath: base });
        requests.push({ base, adapter: path, task: adapter.task, ids });
        expected.push(await ours(model, adapter, ids));
        const bare = await logitsOf(model, undefined, ids[0]);
        if (stage !== 'sft') continue;
        const moved = expected.at(-1)?.[0].map((logit, k) => Math.abs(logit - bare[k])) ?? [];
        assert.ok(Math.max(...moved) > 0.1, `${name}: training changed something`);
      }
    }
    for (const [k, answer] of peftLogits(python, requests).entries()) {
      assertClose(answer.flat(), expected[k].flat(), 1e-5, requests[k].adapter);
    }
  });
});
