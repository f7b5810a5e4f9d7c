import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LanguageFeatureContext } from '../../../server/language/types.ts';
import { createScorer } from '../../../server/scores/createScorer.ts';
import type { Scorer } from '../../../server/scores/scorer.ts';
import { recordingHost } from '../../support/engineHost.ts';
import { type LanguageClient, languageClient } from '../../support/languageClient.ts';
import { embedded, labelledPairs, labelledStore, trainReward } from '../../support/rewardProject.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('scores beside the text', () => {
  const folder = temporaryFolder();
  const engine = recordingHost();
  const ends: (() => Promise<void> | void)[] = [];
  let adapter = '';
  before(async () => {
    adapter = join(await trainReward(engine, folder.path, 'one'), 'reward');
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    engine.pretend = {};
  });
  after(() => engine.close());

  interface Options {
    readonly project?: string;
    readonly settings?: Partial<ReturnType<LanguageFeatureContext['settings']>>;
    readonly reward?: () => string | undefined;
    readonly labelled?: boolean;
    readonly scoreFile?: LanguageFeatureContext['scoreFile'];
  }

  interface Opened {
    readonly client: LanguageClient;
    readonly scorer: Scorer;
    readonly path: (name: string) => string;
    readonly settings: { inlineScores: 'off' | 'inlay' | 'codeLens'; trusted: boolean };
  }

  let projects = 0;
  /** An editor on a project of its own. */
  async function start(options: Options = {}): Promise<Opened> {
    const { project = join(folder.path, `project ${++projects}`), reward = () => adapter } = options;
    mkdirSync(project, { recursive: true });
    const store = labelledStore(project, options.labelled ? labelledPairs : []);
    const scorer = createScorer({
      store,
      engineHost: engine,
      activeRewardModel: async () => {
        const active = reward();
        return active === undefined ? undefined : { model: embedded, adapter: active };
      },
    });
    const settings = { inlineScores: 'inlay' as const, trusted: true, ...options.settings };
    const client = await languageClient({
      projects: { of: async (path) => (path.startsWith(project) ? project : undefined), store: async () => store },
      scorerOf: async () => scorer,
      settings: () => settings,
      scoreFile: options.scoreFile,
    });
    ends.push(async () => {
      client.end();
      await scorer.close();
    });
    return { client, scorer, path: (name) => join(project, name), settings };
  }

  const pair = (k: number, chosen = ' good and warm.', rejected = ' bad and cold.') =>
    JSON.stringify({ prompt: `Place ${k} was`, chosen, rejected });
  const pairs = (count: number) => Array.from({ length: count }, (_, k) => pair(k)).join('\n');
  const isNumber = /^\d+:\d+ ([+−]\d+\.\d|0\.0)$/;
  /** The labels between two lines once all of them are numbers. */
  const scored = (client: LanguageClient, path: string, first: number, last: number) =>
    client.until(async () => {
      const labels = await client.labels(path, first, last);
      return labels.length > 0 && labels.every((label) => isNumber.test(label)) ? labels : undefined;
    });
  const at = (line: number, start: number, end = start) => ({
    start: { line, character: start },
    end: { line, character: end },
  });

  it('stand before the value: first as pending, then as they are, and only where they are asked for', async () => {
    const { client, path } = await start();
    const file = path('rows.jsonl');
    client.open(file, pairs(40));
    const from = engine.scored.length;
    assert.deepEqual(await client.labels(file, 3, 4), ['3:33 …', '3:62 …', '4:33 …', '4:62 …']);
    const labels = await scored(client, file, 3, 4);
    assert.deepEqual(
      labels.map((label) => label.split(' ')[0]),
      ['3:33', '3:62', '4:33', '4:62'],
    );
    assert.ok(labels[0].includes(' +') && labels[1].includes(' −'), String(labels));
    const prompts = new Set(
      engine.scored
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
    const first = await start({ project: join(folder.path, 'again') });
    const file = first.path('rows.jsonl');
    first.client.open(file, pairs(8));
    const labels = await scored(first.client, file, 0, 7);
    await ends.pop()?.();
    const calls = engine.scored.length;
    const second = await start({ project: join(folder.path, 'again') });
    second.client.open(file, pairs(8));
    assert.deepEqual(await second.client.labels(file, 0, 7), labels);
    assert.equal(engine.scored.length, calls);
  });

  it('an edit of a line asks for that line alone, and shows what was there until the new score is known', async () => {
    const { client, path } = await start();
    const file = path('rows.jsonl');
    client.open(file, pairs(6));
    const before = await scored(client, file, 0, 5);
    const from = engine.scored.length;
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
    assert.deepEqual(engine.scored.slice(from).flat(), [
      { prompt: 'Place 2 was', completion: ' bad and warm.', finished: true },
    ]);
  });

  it('the last answer of a conversation, in JSONL and in a JSON file', async () => {
    const { client, path } = await start();
    const messages = [
      { role: 'user', content: 'Soup?' },
      { role: 'assistant', content: 'Good and warm.' },
      { role: 'user', content: 'Thanks.' },
    ];
    client.open(path('chat.jsonl'), JSON.stringify({ messages }));
    assert.match((await scored(client, path('chat.jsonl'), 0, 0))[0], /^0:77 /);
    client.open(path('chat.json'), JSON.stringify({ messages }, null, 2), 'json');
    assert.match((await scored(client, path('chat.json'), 0, 20))[0], /^8:17 /);
    assert.deepEqual(await client.labels(path('chat.json'), 0, 1), await client.labels(path('chat.json'), 0, 20));
    assert.deepEqual(
      engine.scored.at(-1)?.map(({ completion }) => completion),
      ['Good and warm.'],
    );
  });

  it('a hover says the reward, the margin, and why there is none', async () => {
    let reward: string | undefined = adapter;
    const { client, path, settings } = await start({ reward: () => reward, labelled: true });
    const file = path('rows.jsonl');
    const long = pair(2, ' good'.repeat(300));
    client.open(file, [pair(1), long, '{"prompt":"p","chosen":"a","rejected":"a"}', '{"chosen": "a'].join('\n'));
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
    client.open(path('other.jsonl'), pair(77));
    assert.match((await client.hover(path('other.jsonl'), 0, 40)) ?? '', /not trusted/);
    assert.deepEqual(await client.labels(path('other.jsonl'), 0, 0), []);
    settings.trusted = true;
    engine.pretend = { busy: true, holds: false };
    assert.match((await client.hover(path('other.jsonl'), 0, 40)) ?? '', /not loaded. Run "Palate: Score File"/);
    reward = undefined;
    client.features.refresh(dirname(file));
    assert.match((await client.hover(file, 0, 40)) ?? '', /no reward model yet/);
    assert.deepEqual(await client.labels(file, 0, 3), []);
  });

  it('what the engine refuses is shown as such, and does not hide the others', async () => {
    const { client, path } = await start();
    const file = path('rows.jsonl');
    client.open(file, [pair(1, ' good'.repeat(300)), pair(2)].join('\n'));
    const labels = await client.until(async () => {
      const found = await client.labels(file, 0, 1);
      return found.some((label) => label.endsWith('…')) ? undefined : found;
    });
    assert.match(labels.join(', '), /^0:33 –, 0:\d+ −\d\.\d, 1:33 \+\d\.\d, 1:62 −\d\.\d$/);
  });

  it('as lenses: one a row, refreshed when the scores are there', async () => {
    const { client, path } = await start({ settings: { inlineScores: 'codeLens' } });
    const file = path('rows.jsonl');
    client.open(file, `${pair(1)}\n{"other": 1}\n{"prompt":"Tea was","completion":" good and warm."}`);
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

  it('a pair that the reward model judges the other way round is reported, and mended by a swap', async () => {
    const { client, path } = await start({ labelled: true });
    const file = path('rows.jsonl');
    const wrong =
      '{"prompt": "The tea was", "chosen": " bad and cold.", "rejected": " good and warm.", "chosen_finished": false}';
    client.open(file, `${pair(1)}\n${wrong}\n${pair(2)}`);
    const [diagnostic] = await client.until(async () => {
      await client.labels(file, 0, 2);
      return client.diagnostics(file).length > 0 ? client.diagnostics(file) : undefined;
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
    const { client, path } = await start({ labelled: true });
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
    const again = await start({ project: dirname(file), labelled: true });
    again.client.open(file, wrong);
    await scored(again.client, file, 0, 0);
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
    const { client, path, settings } = await start();
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

  it('another reward model: its scores take the place of the old ones', async () => {
    const other = join(await trainReward(engine, folder.path, 'two', { seed: 5, epochs: 1 }), 'reward');
    let active = adapter;
    const { client, path } = await start({ reward: () => active });
    const file = path('rows.jsonl');
    client.open(file, pairs(2));
    const before = await scored(client, file, 0, 1);
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
    active = adapter;
    client.features.refresh(dirname(file));
    assert.deepEqual(await client.labels(file, 0, 1), before);
  });

  it('a big model is not loaded for who looks: the cached scores, and a lens that offers the rest', async () => {
    const { client, path, scorer } = await start();
    const file = path('rows.jsonl');
    await scorer.score([{ prompt: 'Place 0 was', completion: ' good and warm.' }]);
    // As with a base that is not loaded and too large to be loaded unasked.
    engine.pretend = { holds: false, busy: true };
    client.open(file, pairs(3));
    const calls = engine.scored.length;
    assert.equal((await client.labels(file, 0, 2)).length, 1);
    const [lens, ...others] = await client.lenses(file);
    assert.equal(others.length, 0);
    assert.deepEqual([lens.command?.command, lens.command?.arguments?.length], ['palate.scoreFile', 1]);
    assert.equal(engine.scored.length, calls);
  });

  it('a failing engine is no endless wait: the hints go, the hover says why', async () => {
    const broken = join(folder.path, 'broken');
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, 'adapter_config.json'), '{}');
    const { client, path } = await start({ reward: () => broken });
    const file = path('rows.jsonl');
    client.open(file, pairs(3));
    assert.equal((await client.labels(file, 0, 2))[0], '0:33 …');
    await client.until(async () => ((await client.labels(file, 0, 2)).length === 0 ? true : undefined));
    assert.match((await client.hover(file, 0, 40)) ?? '', /^No reward: .*broken/);
  });

  it('nothing at all in files of other people', async () => {
    const { client } = await start();
    const file = join(folder.path, 'elsewhere.jsonl');
    client.open(file, pairs(3));
    const calls = engine.scored.length;
    assert.deepEqual(await client.labels(file, 0, 2), []);
    assert.deepEqual(await client.lenses(file), []);
    assert.equal(await client.hover(file, 0, 40), undefined);
    assert.equal(engine.scored.length, calls);
    assert.equal(client.published.length, 0);
  });

  it('a file that is too large: said once, with an offer', async () => {
    const asked: string[] = [];
    const { client, path } = await start({ scoreFile: (_project, file) => asked.push(file) });
    client.answers = true;
    const text = `${pair(1)}\n`.repeat(110_000);
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
    const { client, path } = await start();
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
