import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../server/errors.ts';
import type { Choice, Decision } from '../../../server/protocol/types.ts';
import { readPreferenceRows } from '../../../server/store/rows.ts';
import { decisionOn, projects, rowsOf, textOfResponse } from '../../support/project.ts';

const user = { role: 'user', content: 'Hi?' };

describe('from a click to an exported line', () => {
  const project = projects();
  const lines = (path: string) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  const strengths = [2, 4, 6, 8].flatMap((scale) =>
    Array.from({ length: scale / 2 }, (_, k) => ({ scale, strength: k + 1 })),
  );
  const choices: {
    choice: 'A' | 'B' | Exclude<Choice, string> | 'tie' | 'bothGood' | 'bothBad';
    rest: Partial<Decision>;
  }[] = [
    ...strengths.flatMap((rest) => [
      { choice: 'A' as const, rest },
      { choice: 'B' as const, rest },
    ]),
    ...(['tie', 'bothGood', 'bothBad'] as const).map((choice) => ({ choice, rest: {} })),
  ];

  for (const firstOn of ['A', 'B'] as const) {
    for (const { choice, rest } of choices) {
      it(`${choice} ${rest.strength ?? ''} of ${rest.scale ?? 4}, the first response shown as ${firstOn}`, async () => {
        // A seed for which the sides are as wanted: looked for, because chance decides.
        for (let seed = 0; ; seed++) {
          const files = project({ 'responses/a.jsonl': rowsOf(1) });
          files.write('palate.json', JSON.stringify({ version: 1, compare: { seed } }));
          const store = await files.open();
          const [comparison] = (await store.next('ann', 1, [])).comparisons;
          if ((textOfResponse(comparison, 0) === 'p1 a') !== (firstOn === 'A')) continue;
          await store.decide('ann', decisionOn(comparison, choice, rest));

          const [record] = files.events();
          const side = choice === 'A' ? 0 : 1;
          const preferred = choice === 'A' || choice === 'B';
          assert.equal(record.choice, preferred ? comparison.shown[side].id : choice);
          assert.equal(record.strength, rest.strength);
          assert.equal(record.scale, rest.scale ?? 4);

          const path = join(files.folder, 'out.jsonl');
          const summary = await store.exportPreferences(path);
          const won = preferred ? textOfResponse(comparison, side) : '';
          const lost = preferred ? textOfResponse(comparison, side === 0 ? 1 : 0) : '';
          const row = { prompt: 'p1', chosen: won, rejected: lost, ...rest, annotator: 'ann' };
          assert.deepEqual(lines(path), preferred ? [row] : []);
          assert.deepEqual(summary, { path, rows: preferred ? 1 : 0, leftOut: preferred ? {} : { ties: 1 } });
          return;
        }
      });
    }
  }

  it('a skip is counted', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(1) });
    const store = await files.open();
    const [{ id, shown }] = (await store.next('ann', 1, [])).comparisons;
    await store.skip('ann', { comparison: id, shown: [shown[0].id, shown[1].id], reason: '', ms: 1 });
    assert.deepEqual((await store.exportPreferences('out.jsonl')).leftOut, { skips: 1 });
  });

  it('conversations are messages, cut answers say so, and both are read as rows for training', async () => {
    const files = project({
      'responses/a.jsonl': [
        { prompt: [user], completion: [{ role: 'assistant', content: 'Yes.' }], finished: false },
        { prompt: [user], completion: 'No.' },
      ],
    });
    const store = await files.open();
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    const side = textOfResponse(comparison, 0) === 'Yes.' ? 'A' : 'B';
    await store.decide('ann', decisionOn(comparison, side));
    const path = join(files.folder, 'out.jsonl');
    await store.exportPreferences(path);
    assert.deepEqual(lines(path), [
      {
        prompt: [user],
        chosen: [{ role: 'assistant', content: 'Yes.' }],
        rejected: [{ role: 'assistant', content: 'No.' }],
        chosen_finished: false,
        strength: 1,
        scale: 4,
        annotator: 'ann',
      },
    ]);
    const rows = [{ prompt: [user], chosen: 'Yes.', rejected: 'No.', chosenFinished: false, rejectedFinished: true }];
    assert.deepEqual(readPreferenceRows(path), rows);
    assert.deepEqual((await store.preferences()).rows, rows);
  });

  it('pictures are multimodal conversations with a column of paths; rows to train on leave them out', async () => {
    const files = project({ 'images/a.png': 'A', 'images/b c.png': 'B' });
    files.write('responses/a.jsonl', [
      {
        prompt: 'a cat',
        completion: [
          { type: 'text', text: 'Here:' },
          { type: 'image', image: 'images/a.png' },
        ],
      },
      { prompt: 'a cat', completion: [{ type: 'image', image: 'images/b c.png' }] },
    ]);
    const store = await files.open();
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    assert.equal(comparison.modality, 'image');
    await store.decide('ann', decisionOn(comparison, comparison.shown[0].parts.length === 2 ? 'A' : 'B'));
    mkdirSync(join(files.folder, 'exports'));
    const path = join(files.folder, 'exports', 'out.jsonl');
    await store.exportPreferences(path);
    assert.deepEqual(lines(path), [
      {
        images: ['../images/a.png', '../images/b c.png'],
        prompt: [{ role: 'user', content: [{ type: 'text', text: 'a cat' }] }],
        chosen: [{ role: 'assistant', content: [{ type: 'text', text: 'Here:' }, { type: 'image' }] }],
        rejected: [{ role: 'assistant', content: [{ type: 'image' }] }],
        strength: 1,
        scale: 4,
        annotator: 'ann',
      },
    ]);
    assert.deepEqual(await store.preferences(), { rows: [], leftOut: { pictures: 1 } });
    assert.equal((await store.exportPreferences(path, { modality: 'text' })).leftOut.pictures, 1);
  });

  it('of several annotators the majority counts; every decision is in a row or counted', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(4) });
    const store = await files.open();
    const vote = async (annotator: string, wins: string) => {
      const { comparisons } = await store.next(annotator, 4, []);
      for (const comparison of comparisons) {
        const win = wins[Number(String(comparison.prompt.content).slice(1)) - 1];
        const side = textOfResponse(comparison, 0).endsWith(` ${win}`) ? 'A' : 'B';
        await store.decide(annotator, decisionOn(comparison, win === 't' ? 'bothBad' : side));
      }
    };
    // Prompts:       1234
    await vote('ann', 'aabt');
    await vote('ben', 'aatt');
    await vote('cat', 'abat');
    const { rows, leftOut } = await store.preferences();
    assert.deepEqual(
      rows.map(({ chosen }) => chosen),
      ['p1 a', 'p2 a'],
    );
    // 1: two say the same again; 2: one of them, and one outvoted; 3: a tie, and one against one; 4: three ties.
    assert.deepEqual(leftOut, { agreed: 3, outvoted: 1, ties: 4, disagreement: 2 });
    assert.equal(rows.length + Object.values(leftOut).reduce((a, b) => a + b), 12);
    const path = join(files.folder, 'out.jsonl');
    await store.exportPreferences(path);
    assert.deepEqual(
      lines(path).map(({ annotator }) => annotator),
      ['ann, ben, cat', 'ann, ben'],
    );
    assert.equal((await store.preferences({ annotators: ['cat'] })).rows.length, 3);
    await assert.rejects(store.preferences({ annotators: ['bem'] }), /no annotator "bem".*Did you mean ben\?/);
    const { between } = await store.agreement();
    assert.equal(between.pairs, 4);
  });

  it('an export replaces a file whole or leaves it alone, and never labels', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(1), 'out.jsonl': 'old' });
    const store = await files.open();
    const refused: [path: string, sentence: RegExp][] = [
      ['feedback/ann.jsonl', /lies among the project's own feedback/],
      ['responses/new.jsonl', /lies among the project's own responses/],
      ['palate.json', /should end in \.jsonl/],
      ['absent/out.jsonl', /Cannot write .*no such file or folder.*Nothing was changed/],
    ];
    for (const [path, sentence] of refused) {
      await assert.rejects(
        store.exportPreferences(path),
        (error) => error instanceof UserError && sentence.test(error.message),
        path,
      );
    }
    await store.exportPreferences('out.jsonl');
    assert.equal(files.read('out.jsonl'), '');
    assert.deepEqual(
      readdirSync(files.folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('responses that were decided about are told for percentiles, pictures and skips are not', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(2) });
    const store = await files.open();
    const [one, two] = (await store.next('ann', 2, [])).comparisons;
    await store.decide('ann', decisionOn(one, 'tie'));
    await store.skip('ann', { comparison: two.id, shown: [two.shown[0].id, two.shown[1].id], reason: '', ms: 1 });
    const labelled = await store.labelledResponses();
    assert.deepEqual(labelled.map(({ text, finished, prompt }) => [text, finished, prompt.content]).sort(), [
      ['p1 a', true, 'p1'],
      ['p1 b', true, 'p1'],
    ]);
  });
});
