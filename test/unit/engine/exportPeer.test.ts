import assert from 'node:assert/strict';
import { join } from 'node:path';
import { exportModel } from '../../../server/engine/export.ts';
import type { ExportFormat } from '../../../server/protocol/engine.ts';
import { relativeError } from '../../support/close.ts';
import { goldenFolder, goldenModels, leavesAsGguf } from '../../support/goldenModels.ts';
import { askPeer, noPeer, peerPython } from '../../support/peer/peer.ts';
import { skip } from '../../support/skip.ts';
import { resultOf } from '../../support/stages.ts';
import { temporaryFolder } from '../../support/temporary.ts';

interface Answer {
  readonly logits: readonly (readonly number[])[];
  readonly types?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, unknown>>;
}

describe('exported models, read by Transformers and the package gguf', () => {
  const folder = temporaryFolder();
  const tolerances: Readonly<Record<ExportFormat, number>> = { safetensors: 1e-2, 'gguf-f16': 5e-3, 'gguf-q8_0': 5e-2 };

  it('give the logits of the adapter on its base', async function () {
    const python = peerPython();
    if (python === undefined) skip(this, noPeer);
    this.timeout(300_000);
    const made: { name: string; format: ExportFormat; path: string }[] = [];
    for (const { name } of goldenModels) {
      for (const format of Object.keys(tolerances) as ExportFormat[]) {
        if (format !== 'safetensors' && !leavesAsGguf(name)) continue;
        const out = join(folder.path, format === 'safetensors' ? name : `${name}-${format}.gguf`);
        const base = join(goldenFolder, name);
        await resultOf(exportModel({ model: base, adapter: join(base, 'adapter'), out, format }));
        made.push({ name, format, path: out });
      }
    }
    const golden = (name: string) =>
      goldenModels.find((candidate) => candidate.name === name)?.model as (typeof goldenModels)[0]['model'];
    const request = made.map(({ name, path }) => {
      const { ids, lengths } = golden(name).rows;
      return { path, base: join(goldenFolder, name), ids: ids.map((row, k) => row.slice(0, lengths[k])) };
    });
    const answers = askPeer<Answer[]>(python, 'read_export.py', request);
    for (const [k, { name, format }] of made.entries()) {
      const error = relativeError(answers[k].logits.flat(), golden(name).adapter.lastLogits.flat());
      assert.ok(error <= tolerances[format], `${name} as ${format}: off by ${error}`);
      if (format === 'safetensors') continue;
      const architecture = /^(qwen|gpt)/.test(name) ? name : 'llama';
      assert.equal(answers[k].fields?.['general.architecture'], architecture);
      assert.equal(answers[k].fields?.['tokenizer.ggml.eos_token_id'], 2);
      assert.equal(answers[k].types?.['output_norm.weight'], 'F32');
    }
  });
});
