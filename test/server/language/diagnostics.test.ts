import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { at, languageSuite, pairRow, scoredLabels } from '../../support/languageSuite.ts';

describe('disagreements between labels and the reward model', () => {
  const suite = languageSuite();

  it('a pair that the reward model judges the other way round is reported, and mended by a swap', async () => {
    const { client, path } = await suite.open({ labelled: true });
    const file = path('rows.jsonl');
    const wrong =
      '{"prompt": "The tea was", "chosen": " bad and cold.", "rejected": " good and warm.", "chosen_finished": false}';
    client.open(file, `${pairRow(1)}\n${wrong}\n${pairRow(2)}`);
    const [diagnostic] = await client.until(async () => {
      await client.labels(file, 0, 2);
      // Until enough of the labelled pairs are scored, what a deviation is can still change.
      return client.diagnostics(file)[0]?.severity === 2 ? client.diagnostics(file) : undefined;
    });
    assert.equal(client.diagnostics(file).length, 1);
    assert.deepEqual(diagnostic.range, at(1, 26, 34));
    assert.deepEqual([diagnostic.source, diagnostic.code, diagnostic.severity], ['Palate', 'disagreement', 2]);
    assert.match(
      String(diagnostic.message),
      /prefers the rejected response: chosen −\d\.\d, rejected \+\d\.\d, \d+\.\d deviations/,
    );
    const fixes = await client.fixes(file, diagnostic);
    assert.deepEqual(
      fixes.map(({ title }) => title),
      ['Swap chosen and rejected', 'Ignore the disagreement in this row'],
    );
    const [edits] = Object.values(fixes[0].edit?.changes ?? {});
    const mended = edits.reduceRight((line, { range, newText }) => {
      assert.ok(range.start.line === 1 && range.end.line === 1);
      return line.slice(0, range.start.character) + newText + line.slice(range.end.character);
    }, wrong);
    assert.equal(
      mended,
      '{"prompt": "The tea was", "chosen": " good and warm.", "rejected": " bad and cold.", "rejected_finished": false}',
    );
    for (const { range, newText } of edits.toReversed()) client.edit(file, range, newText);
    await client.until(() => (client.diagnostics(file).length === 0 ? true : undefined));
  });

  it('can be labelled again where both responses are in the project, and ignored for good', async () => {
    const { client, path } = await suite.open({ labelled: true });
    const file = path('rows.jsonl');
    const wrong = JSON.stringify({ prompt: 'The tea was', chosen: ' bad and cold.', rejected: ' good and warm.' });
    const reported = () =>
      client.until(async () => {
        await client.labels(file, 0, 2);
        return client.diagnostics(file)[0];
      });
    client.open(file, wrong);
    const [, relabel, ignore] = await client.fixes(file, await reported());
    assert.deepEqual(relabel.command, {
      title: 'Label this comparison again',
      command: 'palate.relabel',
      arguments: [{ project: dirname(file), prompt: 'prompt 2', responses: ['response 2 1', 'response 2 0'] }],
    });
    assert.equal(ignore.command?.command, 'palate.ignoreDisagreement');
    for (const nonsense of [undefined, {}, { project: '/etc', chosen: 'a', rejected: 'b' }]) {
      assert.equal(await client.execute('palate.ignoreDisagreement', nonsense), null);
    }
    await client.execute('palate.ignoreDisagreement', ignore.command?.arguments?.[0]);
    await client.until(() => (client.diagnostics(file).length === 0 ? true : undefined));
    assert.equal(readFileSync(path('.palate/ignored.jsonl'), 'utf8').trim().split('\n').length, 1);
    const again = await suite.open({ project: dirname(file), labelled: true });
    again.client.open(file, wrong);
    await scoredLabels(again.client, file, 0, 0);
    again.client.open(
      path('second.jsonl'),
      `${wrong}\n${JSON.stringify({ prompt: 'Our tea was', chosen: ' bad and cold.', rejected: ' good and warm.' })}`,
    );
    await again.client.until(async () => {
      await again.client.labels(path('second.jsonl'), 0, 1);
      return again.client.diagnostics(path('second.jsonl'))[0];
    });
    assert.deepEqual(
      again.client.diagnostics(path('second.jsonl')).map(({ range }) => range.start.line),
      [1],
    );
    assert.equal(again.client.diagnostics(file).length, 0);
  });

  it('diagnostics go when the file is closed, and when scores are switched off', async () => {
    const { client, path, settings } = await suite.open();
    const wrong = JSON.stringify({ prompt: 'The tea was', chosen: ' bad and cold.', rejected: ' good and warm.' });
    for (const name of ['one.jsonl', 'two.jsonl']) {
      client.open(path(name), wrong);
      await client.until(async () => {
        await client.labels(path(name), 0, 0);
        return client.diagnostics(path(name))[0];
      });
    }
    client.close(path('one.jsonl'));
    await client.until(() => (client.diagnostics(path('one.jsonl')).length === 0 ? true : undefined));
    assert.equal(client.diagnostics(path('two.jsonl')).length, 1);
    settings.inlineScores = 'off';
    client.features.settingsChanged();
    await client.until(() => (client.diagnostics(path('two.jsonl')).length === 0 ? true : undefined));
    assert.deepEqual(await client.labels(path('two.jsonl'), 0, 0), []);
    assert.deepEqual(await client.lenses(path('two.jsonl')), []);
    assert.match((await client.hover(path('two.jsonl'), 0, 40)) ?? '', /^Reward/);
  });

  it('a big file is looked at in pieces, between which others are served', async () => {
    let [hovers, before] = [0, 0];
    const onAsked = (path: string) => {
      if (path.endsWith('big.jsonl')) before = hovers;
    };
    const { client, path, scorer } = await suite.open({ onAsked });
    const wrong = JSON.stringify({ prompt: 'The tea was', chosen: ' bad and cold.', rejected: ' good and warm.' });
    client.open(path('small.jsonl'), wrong);
    await scorer.score(
      [' bad and cold.', ' good and warm.'].map((completion) => ({ prompt: 'The tea was', completion })),
    );
    await client.until(() => client.diagnostics(path('small.jsonl'))[0]);
    client.open(path('big.jsonl'), `${Array.from({ length: 20_000 }, (_, k) => pairRow(k)).join('\n')}\n${wrong}`);
    while (client.diagnostics(path('big.jsonl')).length === 0) {
      await client.hover(path('small.jsonl'), 0, 40);
      hovers++;
    }
    assert.ok(hovers - before >= 5, `${hovers - before} answers meanwhile`);
    assert.equal(client.diagnostics(path('big.jsonl'))[0].range.start.line, 20_000);
  });
});
