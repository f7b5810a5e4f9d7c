import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { at, languageSuite, pairRow, scoredLabels } from '../../support/languageSuite.ts';
import { trainReward } from '../../support/rewardProject.ts';

describe('scores beside the text', () => {
  const suite = languageSuite();
  const pairs = (count: number) => Array.from({ length: count }, (_, k) => pairRow(k)).join('\n');

  it('stand before the value: first as pending, then as they are, and only where they are asked for', async () => {
    const { client, path } = await suite.open();
    const file = path('rows.jsonl');
    client.open(file, pairs(40));
    const from = suite.engine.scored.length;
    assert.deepEqual(await client.labels(file, 3, 4), ['3:33 …', '3:62 …', '4:33 …', '4:62 …']);
    const labels = await scoredLabels(client, file, 3, 4);
    assert.deepEqual(
      labels.map((label) => label.split(' ')[0]),
      ['3:33', '3:62', '4:33', '4:62'],
    );
    assert.ok(labels[0].includes(' +') && labels[1].includes(' −'), String(labels));
    const prompts = new Set(
      suite.engine.scored
        .slice(from)
        .flat()
        .map(({ prompt }) => prompt),
    );
    assert.deepEqual([...prompts].sort(), ['Place 3 was', 'Place 4 was']);
    const [hint] = await client.hints(file, 3, 3);
    assert.equal(hint.paddingRight, true);
    assert.equal(hint.tooltip, undefined);
    assert.match(await client.tooltip(hint), /^Reward \d\.\d\d\nPercentile: not known.*\nReward model: one\/reward$/);
  });

  it('are there at once the second time, without the engine', async () => {
    const first = await suite.open({ project: join(suite.folder.path, 'again') });
    const file = first.path('rows.jsonl');
    first.client.open(file, pairs(8));
    const labels = await scoredLabels(first.client, file, 0, 7);
    await first.close();
    const calls = suite.engine.scored.length;
    const second = await suite.open({ project: join(suite.folder.path, 'again') });
    second.client.open(file, pairs(8));
    assert.deepEqual(await second.client.labels(file, 0, 7), labels);
    assert.equal(suite.engine.scored.length, calls);
  });

  it('an edit of a line asks for that line alone, and shows what was there until the new score is known', async () => {
    const { client, path } = await suite.open();
    const file = path('rows.jsonl');
    client.open(file, pairs(6));
    const before = await scoredLabels(client, file, 0, 5);
    const from = suite.engine.scored.length;
    client.edit(file, at(2, 35, 39), 'bad');
    const during = await client.labels(file, 0, 5);
    const moved = before.map((label) => label.replace('2:62', '2:61'));
    assert.deepEqual(during, moved);
    client.edit(file, at(2, 38), '"');
    assert.deepEqual((await client.labels(file, 2, 2)).length > 0, true, 'a broken line keeps its hint');
    client.edit(file, at(2, 38, 39), '');
    const after = await client.until(async () => {
      const labels = await client.labels(file, 0, 5);
      return labels[4] === during[4] ? undefined : labels;
    });
    assert.deepEqual(
      after.filter((_, k) => k !== 4),
      moved.filter((_, k) => k !== 4),
    );
    assert.deepEqual(suite.engine.scored.slice(from).flat(), [
      { prompt: 'Place 2 was', completion: ' bad and warm.', finished: true },
    ]);
  });

  it('the last answer of a conversation, in JSONL and in a JSON file', async () => {
    const { client, path } = await suite.open();
    const messages = [
      { role: 'user', content: 'Soup?' },
      { role: 'assistant', content: 'Good and warm.' },
      { role: 'user', content: 'Thanks.' },
    ];
    client.open(path('chat.jsonl'), JSON.stringify({ messages }));
    assert.match((await scoredLabels(client, path('chat.jsonl'), 0, 0))[0], /^0:77 /);
    client.open(path('chat.json'), JSON.stringify({ messages }, null, 2), 'json');
    assert.match((await scoredLabels(client, path('chat.json'), 0, 20))[0], /^8:17 /);
    assert.deepEqual(await client.labels(path('chat.json'), 0, 1), await client.labels(path('chat.json'), 0, 20));
    assert.deepEqual(
      suite.engine.scored.at(-1)?.map(({ completion }) => completion),
      ['Good and warm.'],
    );
  });

  it('a hover says the reward, the margin, and why there is none', async () => {
    let reward: string | undefined = suite.adapter;
    const { client, path, settings } = await suite.open({ reward: () => reward, labelled: true });
    const file = path('rows.jsonl');
    const long = pairRow(2, ' good'.repeat(300));
    client.open(file, [pairRow(1), long, '{"prompt":"p","chosen":"a","rejected":"a"}', '{"chosen": "a'].join('\n'));
    const full = await client.until(async () => {
      const text = await client.hover(file, 0, 40);
      return text?.includes('Higher') ? text : undefined;
    });
    assert.match(
      full,
      /^Reward \d\.\d\d\nMargin \(chosen − rejected\) \+\d\.\d: the reward model agrees\nHigher than \d+ % of 48 labelled responses\nReward model: one\/reward$/,
    );
    assert.equal(await client.hover(file, 0, 3), undefined);
    assert.match(
      (await client.hover(file, 1, 40)) ?? '',
      /^No reward: With its prompt it has \d+ tokens; the model reads/,
    );
    assert.match((await client.hover(file, 2, 26)) ?? '', /^No reward: Chosen and rejected are the same text/);
    assert.match((await client.hover(file, 3, 12)) ?? '', /^No reward: This line is not valid JSON\.$/);
    settings.trusted = false;
    client.open(path('other.jsonl'), pairRow(77));
    assert.match((await client.hover(path('other.jsonl'), 0, 40)) ?? '', /not trusted/);
    assert.deepEqual(await client.labels(path('other.jsonl'), 0, 0), []);
    settings.trusted = true;
    suite.engine.pretend = { busy: true, holds: false };
    assert.match((await client.hover(path('other.jsonl'), 0, 40)) ?? '', /not loaded. Run "Palate: Score File"/);
    reward = undefined;
    client.features.refresh(dirname(file));
    assert.match((await client.hover(file, 0, 40)) ?? '', /no reward model yet/);
    assert.deepEqual(await client.labels(file, 0, 3), []);
  });

  it('what the engine refuses is shown as such, and does not hide the others', async () => {
    const { client, path } = await suite.open();
    const file = path('rows.jsonl');
    client.open(file, [pairRow(1, ' good'.repeat(300)), pairRow(2)].join('\n'));
    const labels = await client.until(async () => {
      const found = await client.labels(file, 0, 1);
      return found.some((label) => label.endsWith('…')) ? undefined : found;
    });
    assert.match(labels.join(', '), /^0:33 –, 0:\d+ −\d\.\d, 1:33 \+\d\.\d, 1:62 −\d\.\d$/);
  });

  it('as lenses: one a row, refreshed when the scores are there', async () => {
    const { client, path } = await suite.open({ settings: { inlineScores: 'codeLens' } });
    const file = path('rows.jsonl');
    client.open(file, `${pairRow(1)}\n{"other": 1}\n{"prompt":"Tea was","completion":" good and warm."}`);
    assert.deepEqual(await client.labels(file, 0, 2), []);
    const titles = async () =>
      (await client.lenses(file)).map(({ range, command }) => `${range.start.line} ${command?.title}`);
    assert.deepEqual(await titles(), ['0 chosen … · rejected …', '2 reward …']);
    // Lenses have a refresh of their own; diagnostics follow the same scores.
    const found = await client.until(async () => {
      const all = await titles();
      return all.some((title) => title.includes('…')) ? undefined : all;
    });
    assert.match(found[0], /^0 chosen \+\d\.\d · rejected −\d\.\d · agrees$/);
    assert.match(found[1], /^2 reward \+\d\.\d$/);
  });

  it('as lenses of many rows, which an editor asks for one by one: all of them, in few calls', async () => {
    const { client, path } = await suite.open({ settings: { inlineScores: 'codeLens' } });
    const file = path('rows.jsonl');
    client.open(file, pairs(60));
    const from = suite.engine.scored.length;
    let rounds = 0;
    await client.until(async () => {
      rounds++;
      const titles = (await client.lenses(file)).map(({ command }) => command?.title ?? '');
      return titles.length === 60 && titles.every((title) => title.includes('agrees')) ? true : undefined;
    });
    assert.ok(rounds < 20, `${rounds} rounds`);
    assert.equal(suite.engine.scored.slice(from).flat().length, 120);
  });

  it('another reward model: its scores take the place of the old ones', async () => {
    const other = join(await trainReward(suite.engine, suite.folder.path, 'two', { seed: 5, epochs: 1 }), 'reward');
    let active = suite.adapter;
    const { client, path } = await suite.open({ reward: () => active });
    const file = path('rows.jsonl');
    client.open(file, pairs(2));
    const before = await scoredLabels(client, file, 0, 1);
    active = other;
    const refreshes = client.refreshes;
    client.features.refresh(dirname(file));
    await client.until(() => (client.refreshes > refreshes ? true : undefined));
    const judge = await client.until(async () => {
      const [hint] = await client.hints(file, 0, 0);
      const text = await client.tooltip(hint);
      return text.includes('two/reward') ? text : undefined;
    });
    assert.match(judge, /^Reward/);
    active = suite.adapter;
    client.features.refresh(dirname(file));
    assert.deepEqual(await client.labels(file, 0, 1), before);
  });

  it('a big model is not loaded for who looks: the cached scores, and a lens that offers the rest', async () => {
    const { client, path, scorer } = await suite.open();
    const file = path('rows.jsonl');
    await scorer.score([{ prompt: 'Place 0 was', completion: ' good and warm.' }]);
    // As with a base that is not loaded and too large to be loaded unasked.
    suite.engine.pretend = { holds: false, busy: true };
    client.open(file, pairs(3));
    const calls = suite.engine.scored.length;
    assert.equal((await client.labels(file, 0, 2)).length, 1);
    const [lens, ...others] = await client.lenses(file);
    assert.equal(others.length, 0);
    assert.deepEqual([lens.command?.command, lens.command?.arguments?.length], ['palate.scoreFile', 1]);
    assert.equal(suite.engine.scored.length, calls);
  });

  it('a failing engine is no endless wait: the hints go, the hover says why', async () => {
    const broken = join(suite.folder.path, 'broken');
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'adapter_config.json'), '{}');
    const { client, path } = await suite.open({ reward: () => broken });
    const file = path('rows.jsonl');
    client.open(file, pairs(3));
    assert.equal((await client.labels(file, 0, 2))[0], '0:33 …');
    await client.until(async () => ((await client.labels(file, 0, 2)).length === 0 ? true : undefined));
    assert.match((await client.hover(file, 0, 40)) ?? '', /^No reward: .*broken/);
  });

  it('nothing at all in files of other people', async () => {
    const { client } = await suite.open();
    const file = join(suite.folder.path, 'elsewhere.jsonl');
    client.open(file, pairs(3));
    const calls = suite.engine.scored.length;
    assert.deepEqual(await client.labels(file, 0, 2), []);
    assert.deepEqual(await client.lenses(file), []);
    assert.equal(await client.hover(file, 0, 40), undefined);
    assert.equal(suite.engine.scored.length, calls);
    assert.equal(client.published.length, 0);
  });

  it('a file that is too large: said once, with an offer', async () => {
    const asked: string[] = [];
    const { client, path } = await suite.open({ scoreFile: (_project, file) => asked.push(file) });
    client.answers = true;
    const text = `${pairRow(1)}\n`.repeat(110_000);
    client.open(path('large.jsonl'), text);
    await client.until(() => (client.messages.length > 0 ? true : undefined));
    await client.labels(path('large.jsonl'), 0, 3);
    client.edit(path('large.jsonl'), at(0, 0), ' ');
    assert.deepEqual(await client.labels(path('large.jsonl'), 0, 3), []);
    assert.equal(client.messages.length, 1);
    assert.match(client.messages[0], /^large\.jsonl has \d+\.\d MB: too much/);
    assert.deepEqual(asked, [path('large.jsonl')]);
  });

  it('malformed requests are answered, and what comes after them too', async () => {
    const { client, path } = await suite.open();
    const file = path('rows.jsonl');
    client.open(file, pairs(1));
    for (const params of [null, {}, { textDocument: 7, range: [] }]) {
      await client.raw('textDocument/inlayHint', params).catch(() => {});
      await client.raw('textDocument/hover', params).catch(() => {});
    }
    assert.equal(await client.tooltip({ position: { line: 0, character: 0 }, label: 'x', data: 7 }), 'undefined');
    assert.equal(await client.hover(file, 9999, 9999), undefined);
    assert.equal((await client.labels(file, -5, 9999)).length, 2);
  });
});
