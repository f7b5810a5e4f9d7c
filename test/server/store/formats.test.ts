import assert from 'node:assert/strict';
import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../server/paths.ts';
import { decideNext, decisionOn, projects, rowsOf, type TestProject } from '../../support/project.ts';

describe('formats of the project', () => {
  const project = projects();
  const fixture = (name: string) => {
    const files = project();
    cpSync(join(packageRoot(), 'test', 'support', 'projects', name), files.folder, { recursive: true });
    return files;
  };

  it('version 1, as its first release wrote it: every decision is known, and is gone on with', async () => {
    const files = fixture('v1');
    const before = files.read('feedback/ann.jsonl');
    const store = await files.open();
    const info = await store.info();
    assert.deepEqual([info.problems, info.newer], [[], false]);
    assert.deepEqual(info.counts, {
      prompts: 9,
      textResponses: 18,
      imageResponses: 0,
      annotators: [
        { name: 'ann', decisions: 7 },
        { name: 'Zoë', decisions: 4 },
      ].sort((a, b) => (a.name < b.name ? -1 : 1)),
      textPreferences: 7,
      imagePreferences: 0,
    });
    const { rows, leftOut } = await store.preferences();
    const short = rows.map(({ prompt, chosen, chosenFinished }) => [prompt, chosen, chosenFinished]);
    assert.deepEqual(short, [
      ['p7', 'p7 b', true],
      ['p8', 'p8 a', true],
      [[{ role: 'user', content: 'Grüße?' }], 'Hallo!', true],
    ]);
    assert.deepEqual(leftOut, { ties: 3, skips: 1, repeats: 1, disagreement: 4 });
    const { last, progress } = await store.next('ann', 1, []);
    assert.deepEqual(
      [last?.id, progress.decided, progress.skipped, progress.canUndo, progress.canRedo],
      ['eec0d311-8eac-431b-94e5-bbd1d8c977b1', 7, 1, true, false],
    );
    const [zoe] = (await store.agreement({ annotators: ['Zoë'] })).annotators;
    assert.deepEqual(zoe.repeats, { pairs: 1, same: 0, sameSide: 1 });
    await decideNext(store, 'ann', 1);
    assert.ok(files.read('feedback/ann.jsonl').startsWith(before), 'nothing is rewritten');
  });

  it('lines of a newer version are kept, are not read, and turn training off', async () => {
    const files = fixture('v1');
    const newer = '{"v":2,"id":"not even a UUID","event":"decide","ranking":["a","b","c"]}\n';
    appendFileSync(join(files.folder, 'feedback', 'ann.jsonl'), newer);
    const store = await files.open();
    const info = await store.info();
    assert.equal(info.newer, true);
    assert.match(info.problems.join('\n'), /labels of a newer version of Palate.*kept.*training is off/);
    const [recorded] = await decideNext(store, 'ann', 1);
    assert.equal(recorded.progress.decided, 8);
    assert.ok(files.read('feedback/ann.jsonl').includes(newer));
  });

  describe('a line that is no event is told, and hides none', () => {
    const good = (files: TestProject) => files.events()[0];
    const bad: [what: string, change: (event: Record<string, unknown>) => unknown, sentence: RegExp][] = [
      ['no version', ({ v: _, ...rest }) => rest, /v should be 1/],
      ['a version that is none', (event) => ({ ...event, v: 'x' }), /v should be 1/],
      ['no event', ({ event: _, ...rest }) => rest, /event is missing/],
      ['an id that is none', (event) => ({ ...event, id: 'x' }), /id should be a UUID/],
      ['no annotator', ({ annotator: _, ...rest }) => rest, /annotator is missing/],
      ['an annotator of two lines', (event) => ({ ...event, annotator: 'a\nb' }), /not one line of text/],
      ['no time', ({ at: _, ...rest }) => rest, /at should be a time/],
      ['a time that is none', (event) => ({ ...event, at: 'yesterday' }), /at should be a time/],
      ['the end of time', (event) => ({ ...event, at: '+275760-09-13T00:00:00.000Z' }), /at should be a time/],
      ['one response', (event) => ({ ...event, responses: ['a'] }), /responses should be the ids/],
      [
        'the same response twice',
        (event) => ({ ...event, responses: [event.choice, event.choice] }),
        /responses should be the ids/,
      ],
      ['other responses shown', (event) => ({ ...event, shown: ['0'.repeat(32), '1'.repeat(32)] }), /shown should be/],
      ['a choice that is none', (event) => ({ ...event, choice: 'left' }), /choice is "left", which is neither/],
      ['an undo of nothing', (event) => ({ ...event, event: 'undo' }), /of is missing/],
      ['a number', () => 7, /a JSON object is expected/],
      ['a list', () => [1], /a JSON object is expected/],
    ];
    for (const [what, change, sentence] of bad) {
      it(what, async () => {
        const files = project({ 'responses/a.jsonl': rowsOf(3) });
        const store = await files.open();
        await decideNext(store, 'ann', 1);
        const event = { ...good(files), id: '00000000-0000-4000-8000-000000000001' };
        const line = `${JSON.stringify(change(event))}\n`;
        files.write('feedback/ann.jsonl', `${line}${files.read('feedback/ann.jsonl')}`);
        const info = await store.info();
        assert.equal(info.problems.length, 1, info.problems.join('\n'));
        assert.match(info.problems[0], /^feedback\/ann\.jsonl:1: /);
        assert.match(info.problems[0], sentence);
        assert.deepEqual(info.counts.annotators, [{ name: 'ann', decisions: 1 }]);
      });
    }
  });

  it('an undo of another annotator, of nothing, or of an undo changes nothing', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    const store = await files.open();
    const [one] = await decideNext(store, 'ann', 1);
    const [two] = await decideNext(store, 'ben', 1);
    const undo = (n: number, of: string) =>
      `${JSON.stringify({ v: 1, id: `00000000-0000-4000-8000-00000000000${n}`, at: `2030-01-01T00:00:0${n}.000Z`, annotator: 'ann', event: 'undo', of })}\n`;
    const path = join(files.folder, 'feedback', 'ann.jsonl');
    appendFileSync(path, undo(1, two.event.id) + undo(2, 'nothing') + undo(3, '00000000-0000-4000-8000-000000000002'));
    assert.deepEqual([(await store.progress('ann')).decided, (await store.progress('ben')).decided], [1, 1]);
    appendFileSync(path, undo(4, one.event.id.toUpperCase()));
    assert.equal((await store.progress('ann')).decided, 0);
    const redone = await store.redo('ann');
    assert.equal(redone?.event.id, one.event.id);
    const times = files
      .events()
      .filter(({ annotator }) => annotator === 'ann')
      .map(({ at }) => String(at));
    assert.ok((times.at(-1) ?? '') > '2030-01-01T00:00:04.000Z', 'later than what a wrong clock has written');
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    await store.decide('ann', decisionOn(comparison));
    assert.equal((await store.progress('ann')).decided, 2);
  });
});
