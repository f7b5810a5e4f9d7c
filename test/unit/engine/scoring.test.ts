import assert from 'node:assert/strict';
import { activate, Model } from '../../../server/engine/model.ts';
import { lastScores, responseLogps, type Scored } from '../../../server/engine/scoring.ts';
import type { Adapter, BaseModel } from '../../../server/engine/weights/types.ts';
import { assertClose } from '../../support/close.ts';
import { randomSequences } from '../../support/sequences.ts';
import { resultOf } from '../../support/stages.ts';
import { tinyAdapter, tinyModel } from '../../support/tinyModel.ts';

/** W + alpha / rank · B A for every module that the adapter has. */
function merged(base: BaseModel, { rank, alpha, tensors }: Adapter): BaseModel {
  const weights = new Map(base.weights);
  for (const [name, { data: a }] of tensors) {
    if (!name.endsWith('.lora_A.weight')) continue;
    const { data: b } = tensors.get(name.replace('lora_A', 'lora_B'))!;
    const target = name.replace('base_model.model.', '').replace('.lora_A.weight', '.weight');
    const { shape, data } = weights.get(target)!;
    const [out, inner] = shape;
    const sum = Float32Array.from(data);
    for (let row = 0; row < out; row++)
      for (let column = 0; column < inner; column++)
        for (let k = 0; k < rank; k++)
          sum[row * inner + column] += ((alpha / rank) * b[row * rank + k] * a[k * inner + column]) as number;
    weights.set(target, { shape, data: sum });
  }
  return { ...base, weights };
}

describe('scoring', () => {
  const base = tinyModel();
  const model = new Model(base);
  after(() => model.release());
  const sequences = randomSequences(30);

  it('a merged adapter scores as one beside the base, to 1e-4', async () => {
    const adapter = tinyAdapter(base);
    const other = new Model(merged(base, adapter));
    const [beside, inside] = [
      await resultOf(responseLogps(model, activate(adapter), sequences)),
      await resultOf(responseLogps(other, undefined, sequences)),
    ];
    const bare = await resultOf(responseLogps(model, undefined, sequences));
    beside.forEach((row, k) => {
      for (const [t, logp] of row.entries())
        assert.ok(Math.abs(logp - inside[k][t]) <= 1e-4, `${logp}, ${inside[k][t]}`);
    });
    const moved = Math.max(...beside.flatMap((row, k) => [...row.map((logp, t) => Math.abs(logp - bare[k][t]))]));
    assert.ok(moved > 0.1, 'and the adapter does something');
    await other.release();
  });

  it('a scale of 0 is the bare base', async () => {
    const off = { ...activate(tinyAdapter(base)), scale: 0 };
    const bare = await resultOf(responseLogps(model, undefined, sequences));
    const scored = await resultOf(responseLogps(model, off, sequences));
    for (const [k, row] of scored.entries()) assertClose(row, bare[k], 1e-6);
  });

  it('reads adapters of few modules and another rank', async () => {
    const full = tinyAdapter(base, { rank: 3 });
    const modules = ['q_proj', 'down_proj'];
    const tensors = new Map(
      [...full.tensors].filter(([name]) => modules.some((module) => name.includes(`.${module}.`))),
    );
    const adapter = { ...full, targetModules: modules, tensors };
    const [row] = await resultOf(responseLogps(model, activate(adapter), sequences.slice(0, 1)));
    const other = new Model(merged(base, adapter));
    assertClose(row, (await resultOf(responseLogps(other, undefined, sequences.slice(0, 1))))[0], 1e-5);
    await other.release();
  });

  it('tells how far it is after every pass, and gives results in order', async () => {
    const many = randomSequences(120);
    const told: Scored[] = [];
    const passes = lastScores(model, activate(tinyAdapter(base, { task: 'SEQ_CLS' })), many);
    let next = await passes.next();
    for (; !next.done; next = await passes.next()) told.push(next.value);
    assert.ok(told.length > 1);
    assert.deepEqual(told.at(-1), { done: 120, total: 120 });
    assert.ok(told.every(({ done }, k) => k === 0 || done > told[k - 1].done));
    const alone = await resultOf(lastScores(model, activate(tinyAdapter(base, { task: 'SEQ_CLS' })), [many[100]]));
    assertClose([next.value[100]], alone, 1e-5);
  });

  it('scores nothing without a pass', async () => {
    assert.deepEqual(await resultOf(responseLogps(model, undefined, [])), []);
  });
});
