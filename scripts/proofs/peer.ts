import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activate, Model } from '../../server/engine/model.ts';
import { readAdapter } from '../../server/engine/weights/adapters.ts';
import { loadBaseModel } from '../../server/engine/weights/load.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import { logitsOf } from '../../test/support/logits.ts';
import { noPeer, peerPython, peftLogits } from '../../test/support/peer/peer.ts';
import { testData } from '../../test/support/testData.ts';
import type { Measurement } from '../measure.ts';

const pairs = [
  ['What is a volcano?', 'An opening in the ground through which melted rock and ash come out.'],
  ['Name a fruit.', 'A pear.'],
  ['Why is the sky blue?', 'Air scatters blue light more than red, so blue reaches us from everywhere.'],
  ['How do I boil an egg?', 'Put it into boiling water for about eight minutes, then cool it.'],
] as const;
const text =
  'A good answer is short. It says what was asked, and stops. Whoever wants to know more will ask again, and then there is more to say.';

export const measurement: Measurement = {
  description:
    'SmolLM2-135M-Instruct learns a few answers by SFT, and is exported as a Hugging Face folder: PEFT, from the folder and the adapter, gives the same logits as Palate does from the GGUF file. PALATE_PEER_PYTHON names a Python with torch, transformers and peft.',
  async run(report) {
    const python = peerPython();
    if (python === undefined) throw new Error(noPeer);
    const data = testData('SmolLM2-135M-Instruct');
    if (data === undefined) throw new Error('The folder SmolLM2-135M-Instruct is not in PALATE_TEST_DATA.');
    const path = join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf');
    const folder = mkdtempSync(join(tmpdir(), 'palate-prove-peer-'));
    const engine = new EngineProcess();
    try {
      const [rows, run, base] = ['rows.jsonl', 'run', 'base'].map((name) => join(folder, name));
      const lines = pairs.map(([prompt, completion]) => JSON.stringify({ prompt, completion }));
      writeFileSync(rows, `${lines.join('\n')}\n`);
      report.note('training');
      const config = { value: { sft: { batchSize: 4, epochs: 4, learningRate: 1e-3 } }, source: 'proof' };
      await engine.call('train', { stage: 'sft', model: path, data: rows, out: run, config });
      await engine.call('exportModel', { model: path, out: base, format: 'safetensors' });
      await engine.close();
      report.note('comparing');
      const adapter = join(run, 'sft');
      const model = new Model(await loadBaseModel(path));
      const ids = model.tokenizer.encode(text);
      const [bare, ours] = [
        await logitsOf(model, undefined, ids),
        await logitsOf(model, activate(readAdapter(adapter)), ids),
      ];
      await model.release();
      const [[theirs]] = peftLogits(python, [{ base, adapter, task: 'CAUSAL_LM', ids: [ids] }]);
      report.figure('logits compared', theirs.length, '', { min: ours.length });
      report.figure('largest difference that the adapter makes', largest(ours, bare), '', { min: 1 });
      report.figure('largest difference to PEFT', largest(ours, theirs), '', { max: 2e-3 });
    } finally {
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** max |a − b|, NaN where either is. */
function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let k = 0; k < a.length; k++)
    most = Number.isNaN(a[k] - b[k]) ? Number.NaN : Math.max(most, Math.abs(a[k] - b[k]));
  return most;
}
