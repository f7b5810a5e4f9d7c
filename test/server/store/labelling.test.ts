import assert from 'node:assert/strict';
import { UserError } from '../../../server/errors.ts';
import type { Comparison, Decision } from '../../../server/protocol/types.ts';
import { decideNext, decisionOn, projects, rowsOf, textOfResponse } from '../../support/project.ts';

describe('labelling in a project', () => {
  const project = projects();
  const withRows = (prompts = 3, responses = 2) => project({ 'responses/a.jsonl': rowsOf(prompts, responses) });

  it('asks, records, and goes on', async () => {
    const files = withRows(2);
    const store = await files.open();
    const first = await store.next('ann', 5, []);
    assert.deepEqual(
      first.comparisons.map(({ prompt }) => prompt.content),
      ['p1', 'p2'],
    );
    assert.equal(first.empty, undefined);
    assert.equal('model' in first.comparisons[0].shown[0], false, 'the model is hidden');
    const recorded = await store.decide('ann', decisionOn(first.comparisons[0], 'B', { comment: 'shorter' }));
    assert.equal(recorded.event.choice, first.comparisons[0].shown[1].id);
    assert.equal(recorded.event.comment, 'shorter');
    assert.match(recorded.event.shown[0].model ?? '', /^model-/);
    assert.equal(recorded.event.shown[0].length, 4);
    assert.deepEqual(recorded.last, recorded.event);
    assert.equal(recorded.progress.decided, 1);
    assert.equal(recorded.progress.remaining, 1);
    assert.equal(recorded.progress.textPreferences, 1);
    const skipped = await store.skip('ann', {
      comparison: first.comparisons[1].id,
      shown: [first.comparisons[1].shown[0].id, first.comparisons[1].shown[1].id],
      reason: 'no idea',
      ms: 10,
    });
    assert.equal(skipped.event.reason, 'no idea');
    const end = await store.next('ann', 5, []);
    assert.deepEqual([end.comparisons, end.empty], [[], 'allDecided']);
    assert.deepEqual([end.progress.decided, end.progress.skipped, end.progress.remaining], [1, 1, 0]);
    assert.equal(end.last?.reason, 'no idea');
  });

  it('a line says what was decided by ids, in the order shown', async () => {
    const files = withRows(1);
    const store = await files.open();
    const [comparison] = (await store.next('Ann Lee', 1, [])).comparisons;
    await store.decide('Ann Lee', decisionOn(comparison, 'A', { aspects: { tone: -1 }, comment: 'ü\n"' }));
    const [event] = files.events();
    const [a, b] = comparison.shown.map(({ id }) => id);
    assert.deepEqual(Object.keys(event), [
      ...['v', 'id', 'at', 'annotator', 'event', 'prompt', 'responses', 'shown', 'choice', 'strength', 'scale'],
      ...['aspects', 'comment', 'ms', 'app'],
    ]);
    assert.deepEqual(
      [event.v, event.annotator, event.event, event.shown, event.choice, event.comment],
      [1, 'Ann Lee', 'decide', [a, b], a, 'ü\n"'],
    );
    assert.deepEqual(event.responses, [a, b].sort());
    assert.equal(event.prompt, comparison.prompt.id);
  });

  it('says why there is nothing to compare', async () => {
    const store = await project().open();
    assert.equal((await store.next('ann', 1, [])).empty, 'noPrompts');
    const asked = await project({ 'prompts/a.jsonl': [{ prompt: 'x' }], 'responses/a.jsonl': rowsOf(1, 1) }).open();
    assert.equal((await asked.next('ann', 1, [])).empty, 'noResponses');
  });

  it('leaves out what the panel holds, and does not say that all is decided', async () => {
    const store = await withRows(2).open();
    const all = await store.next('ann', 2, []);
    const rest = await store.next('ann', 2, [all.comparisons[0].id, 'nonsense']);
    assert.deepEqual(
      rest.comparisons.map(({ id }) => id),
      [all.comparisons[1].id],
    );
    const none = await store.next(
      'ann',
      2,
      all.comparisons.map(({ id }) => id),
    );
    assert.deepEqual([none.comparisons, none.empty, none.progress.remaining], [[], undefined, 2]);
  });

  it('undo opens a pair again as it was shown, redo closes it, across openings of the project', async () => {
    const files = withRows(3);
    let store = await files.open();
    const [one, two] = await decideNext(store, 'ann', 2, 'B');
    await store.close();
    store = await files.open();
    const undone = await store.undo('ann');
    assert.equal(undone?.event.id, two.event.id);
    assert.equal(undone?.last?.id, one.event.id);
    assert.deepEqual(
      undone?.reopened?.shown.map(({ id }) => id),
      two.event.shown.map(({ id }) => id),
    );
    assert.deepEqual([undone?.progress.canUndo, undone?.progress.canRedo], [true, true]);
    assert.equal((await store.next('ann', 1, [])).comparisons[0].id, two.event.comparison);
    await store.undo('ann');
    assert.equal(await store.undo('ann'), null);
    await store.close();
    store = await files.open();
    assert.equal((await store.redo('ann'))?.event.id, one.event.id);
    assert.equal((await store.redo('ann'))?.event.id, two.event.id);
    assert.equal(await store.redo('ann'), null);
    assert.equal((await store.progress('ann')).decided, 2);
    await store.undo('ann');
    await decideNext(store, 'ann', 1);
    assert.equal(await store.redo('ann'), null, 'after a new decision there is nothing to redo');
    assert.equal(files.events().length, 2 + 2 + 2 + 1 + 1);
  });

  it('a comparison is found by its id, shown the same way; another annotator may see it otherwise', async () => {
    const store = await withRows(20).open();
    const { comparisons } = await store.next('ann', 20, []);
    const again = await Promise.all(comparisons.map(({ id }) => store.comparison('ann', id)));
    assert.deepEqual(again, comparisons);
    const others = await Promise.all(comparisons.map(({ id }) => store.comparison('ben', id)));
    const swapped = others.filter((other, k) => other?.shown[0].id !== comparisons[k].shown[0].id).length;
    assert.ok(swapped > 2 && swapped < 18, `${swapped} of 20 are the other way round`);
    const firstOnA = comparisons.filter((comparison) => textOfResponse(comparison, 0).endsWith(' a')).length;
    assert.ok(firstOnA > 2 && firstOnA < 18, `${firstOnA} of 20 have the first response on side A`);
    const [first] = comparisons;
    assert.deepEqual(await store.comparison('ann', first.id, { open: true }), first);
    await decideNext(store, 'ann', 1);
    assert.deepEqual(await store.comparison('ann', first.id), first);
    assert.equal(await store.comparison('ann', first.id, { open: true }), null, 'it is decided');
    assert.deepEqual((await store.comparison('ben', first.id, { open: true }))?.id, first.id);
    await store.undo('ann');
    assert.deepEqual(await store.comparison('ann', first.id, { open: true }), first);
    assert.equal(await store.comparison('ann', 'x.y'), null);
    assert.equal(await store.comparison('ann', `${'0'.repeat(32)}.${'1'.repeat(32)}`), null);
  });

  describe('refuses', () => {
    const cases: [
      what: string,
      change: (decision: Decision, comparison: Comparison, other: Comparison) => unknown,
      RegExp,
    ][] = [
      ['nothing', () => null, /should be an object/],
      ['no comparison', () => ({}), /comparison is missing/],
      ['a comparison that is none', (d) => ({ ...d, comparison: 'x' }), /There is no comparison "x"/],
      [
        'responses that are not there',
        (d) => ({ ...d, comparison: `${'0'.repeat(32)}.${'1'.repeat(32)}` }),
        /changed or taken away/,
      ],
      [
        'responses to two prompts',
        (d, a, b) => ({ ...d, comparison: [a.shown[0].id, b.shown[0].id].sort().join('.') }),
        /do not answer the same prompt/,
      ],
      [
        'what another comparison shows',
        (d, _, b) => ({ ...d, shown: [b.shown[0].id, b.shown[1].id] }),
        /not the two responses/,
      ],
      ['one response twice', (d, a) => ({ ...d, shown: [a.shown[0].id, a.shown[0].id] }), /not the two responses/],
      ['a choice that was not shown', (d, _, b) => ({ ...d, choice: b.shown[0].id }), /choice is neither/],
      ['no strength', ({ strength: _, ...d }) => d, /strength should be 1 to 2 on a scale of 4, not absent/],
      ['too much strength', (d) => ({ ...d, strength: 3 }), /strength should be 1 to 2 on a scale of 4, not 3/],
      ['half a strength', (d) => ({ ...d, strength: 1.5 }), /strength should be a whole number/],
      ['a strength that is no number', (d) => ({ ...d, strength: Number.NaN }), /strength should be a number/],
      ['a tie with strength', (d) => ({ ...d, choice: 'tie' }), /a tie has no strength/],
      ['an odd scale', (d) => ({ ...d, scale: 5 }), /scale should be 2 or 4 or 6 or 8/],
      ['a time that is no number', (d) => ({ ...d, ms: Number.NaN }), /ms should be a number/],
      ['an endless time', (d) => ({ ...d, ms: Number.POSITIVE_INFINITY }), /ms should be finite/],
      ['a negative time', (d) => ({ ...d, ms: -1 }), /ms should be at least 0/],
      ['a rating off the scale', (d) => ({ ...d, aspects: { tone: 3 } }), /rating of "tone" should be −2 to 2/],
      ['a comment that is none', (d) => ({ ...d, comment: 7 }), /comment should be text/],
      ['an endless comment', (d) => ({ ...d, comment: 'x'.repeat(20_001) }), /comment should be/],
    ];
    for (const [what, change, sentence] of cases) {
      it(what, async () => {
        const files = withRows(2);
        const store = await files.open();
        const [comparison, other] = (await store.next('ann', 2, [])).comparisons;
        const message = change(decisionOn(comparison), comparison, other) as Decision;
        await assert.rejects(
          store.decide('ann', message),
          (error) => error instanceof UserError && sentence.test(error.message),
          String(sentence),
        );
        assert.equal((await store.progress('ann')).decided, 0);
        assert.throws(() => files.events(), /ENOENT/, 'nothing was written');
      });
    }

    it('an annotator without a name', async () => {
      const store = await withRows(1).open();
      await assert.rejects(store.next('  ', 1, []), /no name/);
    });

    it('a skip of what is no comparison', async () => {
      const store = await withRows(1).open();
      await assert.rejects(
        store.skip('ann', { comparison: 'x', shown: ['a', 'b'], reason: '', ms: 1 }),
        /no comparison/,
      );
    });
  });

  it('an edited response inherits no label', async () => {
    const files = withRows(1);
    const store = await files.open();
    await decideNext(store, 'ann', 1);
    files.write(
      'responses/a.jsonl',
      rowsOf(1).map((row, k) => (k === 0 ? { ...row, completion: 'edited' } : row)),
    );
    const { comparisons, progress } = await store.next('ann', 1, []);
    assert.equal(comparisons.length, 1);
    assert.deepEqual([progress.remaining, progress.textPreferences], [1, 0]);
    assert.deepEqual(await store.preferences(), { rows: [], leftOut: { gone: 1 } });
    files.write('responses/a.jsonl', rowsOf(1));
    assert.equal((await store.preferences()).rows.length, 1, 'and gets it back with its text');
  });

  it('a decision that is held while its response changes is refused', async () => {
    const files = withRows(1);
    const store = await files.open();
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    files.write('responses/a.jsonl', rowsOf(2).slice(2));
    await assert.rejects(store.decide('ann', decisionOn(comparison)), /changed or taken away/);
    assert.equal(await store.comparison('ann', comparison.id), null);
  });

  it('deciding a pair again replaces what was said', async () => {
    const store = await withRows(1).open();
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    await store.decide('ann', decisionOn(comparison, 'A'));
    const before = await store.preferences();
    await store.decide('ann', decisionOn(comparison, 'B'));
    const now = await store.preferences();
    assert.deepEqual([before.rows[0].chosen, before.rows[0].rejected], [now.rows[0].rejected, now.rows[0].chosen]);
    const tie = await store.decide('ann', decisionOn(comparison, 'tie'));
    assert.deepEqual([tie.progress.decided, tie.progress.textPreferences], [1, 0]);
    assert.deepEqual(await store.preferences(), { rows: [], leftOut: { ties: 1 } });
    await store.undo('ann');
    assert.deepEqual((await store.preferences()).rows, now.rows, 'undo gives the earlier one back');
  });

  it('the pace is the median of the last twenty', async () => {
    const store = await withRows(4).open();
    for (const ms of [1000, 9000, 2000]) {
      const [comparison] = (await store.next('ann', 1, [])).comparisons;
      const { progress } = await store.decide('ann', decisionOn(comparison, 'A', { ms }));
      assert.equal(progress.pace, progress.decided < 3 ? undefined : 2);
    }
  });

  it('guidelines and settings come with the queue', async () => {
    const files = withRows(1);
    files.write('palate.json', '{ "version": 1, "compare": { "scale": 6, "aspects": ["tone"] } }');
    files.write('guidelines.md', '# Be kind');
    const store = await files.open();
    assert.deepEqual((await store.next('ann', 1, [])).settings, {
      scale: 6,
      aspects: ['tone'],
      guidelines: '# Be kind',
    });
    files.write('palate.json', '{ "version": 1, "compare": { "guidelines": "../../../etc/passwd" } }');
    assert.equal((await store.next('ann', 1, [])).settings.guidelines, '');
  });

  it('many calls at once are answered one after another', async () => {
    const files = withRows(12);
    const store = await files.open();
    const { comparisons } = await store.next('ann', 12, []);
    const all = await Promise.all(comparisons.map((comparison) => store.decide('ann', decisionOn(comparison))));
    assert.equal(new Set(all.map(({ event }) => event.id)).size, 12);
    const times = files.events().map(({ at }) => String(at));
    assert.deepEqual(times, [...new Set(times)].sort(), 'times strictly increase');
    assert.equal((await store.progress('ann')).decided, 12);
  });

  it('nothing is answered after closing', async () => {
    const store = await withRows(1).open();
    await store.close();
    await assert.rejects(store.next('ann', 1, []), /closed/);
  });
});
