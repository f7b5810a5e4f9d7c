import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectSchemaText, schemaFile } from '../../../scripts/support/projectSchema.ts';
import { UserError } from '../../../server/errors.ts';
import { packageRoot } from '../../../server/paths.ts';
import { readProjectConfig } from '../../../server/store/projectConfig.ts';
import { projects, rowsOf } from '../../support/project.ts';

describe('palate.json', () => {
  const project = projects();

  it('has defaults for everything but its version', async () => {
    const { usable, error, newer } = await readProjectConfig(project().folder);
    assert.deepEqual([error, newer], [undefined, false]);
    assert.deepEqual([usable.model, usable.engine, usable.device, usable.seed], ['embedded', 'onnx', 'auto', 0]);
    assert.deepEqual([usable.precision, usable.stages.sft.recompute], ['float32', false]);
    assert.deepEqual(usable.generate, { samples: 2, maxNewTokens: 128, temperature: 1 });
    assert.deepEqual(usable.compare, {
      scale: 4,
      aspects: [],
      guidelines: 'guidelines.md',
      repeat: 0.05,
      seed: 0,
      tellGold: true,
    });
    assert.deepEqual([usable.stages.sft.epochs, usable.stages.reward.epochs, usable.stages.ppo.iterations], [1, 2, 10]);
  });

  const wrong: [content: string, sentence: RegExp][] = [
    ['{ "version": 1, "modle": "x" }', /^palate\.json: there is no setting "modle"\. Did you mean "model"\?$/],
    ['{ "version": 1, "compare": { "scal": 4 } }', /"scal" in compare\. Did you mean "scale"\?/],
    [
      '{ "version": 1, "stages": { "ppo": { "learning_rate": 1 } } }',
      /"learning_rate" in stages\.ppo\. Did you mean "learningRate"\?/,
    ],
    ['{ "version": 1, "stages": { "dpo": {} } }', /"dpo" in stages\. Did you mean "ppo"\?/],
    [
      '{ "version": 1, "stages": { "reward": { "heldOut": 0.9 } } }',
      /stages\.reward\.heldOut should be at most 0\.5, not 0\.9/,
    ],
    [
      '{ "version": 1, "stages": { "sft": { "learningRate": 0 } } }',
      /stages\.sft\.learningRate should be more than 0, not 0/,
    ],
    ['{ "version": 1, "compare": { "scale": 5 } }', /compare\.scale should be 2 or 4 or 6 or 8, not 5/],
    ['{ "version": 1, "precision": "int4" }', /precision should be "float32" or "int8-base", not "int4"/],
    ['{ "version": 1, "stages": { "sft": { "recompute": "some" } } }', /recompute should be .*"cheap", not "some"/],
    ['{ "version": 1, "engine": "torch" }', /engine should be "onnx" or "tensorflow", not "torch"/],
    ['{ "version": 1, "model": "" }', /model should be/],
    ['{}', /version is missing/],
    ['{ "version": "1" }', /version should be 1, not "1"/],
    ['[]', /should be an object/],
    ['', /palate\.json.* is not valid JSON/],
    ['{\n  "version": 1,\n  "model": \n}', /palate\.json:4 is not valid JSON/],
  ];
  for (const [content, sentence] of wrong) {
    it(`refuses ${content.replaceAll('\n', ' ')}; labelling goes on`, async () => {
      const files = project({ 'responses/a.jsonl': rowsOf(1), 'palate.json': content });
      const store = await files.open();
      await assert.rejects(
        store.config(),
        (error) => error instanceof UserError && sentence.test(error.message),
        String(sentence),
      );
      const { problems, newer } = await store.info();
      assert.match(problems.join('\n'), sentence);
      assert.equal(newer, false);
      assert.equal((await store.next('ann', 1, [])).comparisons.length, 1);
    });
  }

  it('keeps what is well of one that is not', async () => {
    const files = project({
      'palate.json': '{ "version": 1, "oops": 1, "compare": { "scale": 6, "seed": -1 }, "engine": "tensorflow" }',
    });
    const { usable } = await readProjectConfig(files.folder);
    assert.deepEqual([usable.compare.scale, usable.compare.seed, usable.engine], [6, 0, 'tensorflow']);
  });

  it('of a newer version is said to be so, and is left as it is', async () => {
    const content = '{ "version": 2, "model": "embedded", "compare": { "scale": 8, "mood": "good" } }';
    const files = project({ 'responses/a.jsonl': rowsOf(1), 'palate.json': content });
    const store = await files.open();
    const info = await store.info();
    assert.equal(info.newer, true);
    assert.match(
      info.problems[0],
      /palate\.json has version 2; this Palate knows version 1\. Labelling goes on, training is off/,
    );
    await assert.rejects(store.config(), /training is off/);
    const queue = await store.next('ann', 1, []);
    assert.deepEqual([queue.comparisons.length, queue.settings.scale], [1, 8]);
    assert.equal(files.read('palate.json'), content);
  });

  it('broken while the project is open changes nothing of how pairs are shown', async () => {
    const files = project({
      'responses/a.jsonl': rowsOf(8),
      'palate.json': '{ "version": 1, "compare": { "seed": 7 } }',
    });
    const store = await files.open();
    const before = await store.next('ann', 8, []);
    files.write('palate.json', '{ "version": 1, "compare": {');
    assert.deepEqual((await store.next('ann', 8, [])).comparisons, before.comparisons);
    files.write('palate.json', '{ "version": 1, "compare": { "seed": 8 } }');
    assert.notDeepEqual((await store.next('ann', 8, [])).comparisons, before.comparisons);
    assert.equal((await store.config()).compare.seed, 8, 'and is right again when it is');
  });

  it('says which model is not there', async () => {
    const files = project({ 'palate.json': '{ "version": 1, "model": "absent.gguf" }' });
    const { problems } = await (await files.open()).info();
    assert.match(problems[0], /^palate\.json: model is "absent\.gguf", but there is no .*absent\.gguf\. Give/);
  });
});

describe('the schema of palate.json', () => {
  it('is up to date (npm run schema)', () => {
    assert.equal(readFileSync(join(packageRoot(), schemaFile), 'utf8'), projectSchemaText());
  });

  it('says what every setting means, and its default', () => {
    const problems: string[] = [];
    const walk = (node: Record<string, unknown>, path: string): void => {
      for (const [key, child] of Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>)) {
        const place = `${path}.${key}`;
        if (typeof child.description !== 'string') problems.push(`${place} has no description`);
        const mayLack = /\.(\$schema|version|klTarget|maxApproximateKl|targetModules|rolloutPrecision)$/.test(place);
        if (!('default' in child) && !mayLack) problems.push(`${place} has no default`);
        walk(child, place);
      }
      if ('properties' in node && node.additionalProperties !== false) problems.push(`${path} takes unknown keys`);
    };
    walk(JSON.parse(projectSchemaText()), '');
    assert.deepEqual(problems, []);
  });
});
