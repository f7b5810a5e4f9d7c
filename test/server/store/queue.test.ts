import assert from 'node:assert/strict';
import { repeatDistance } from '../../../server/feedback/tally.ts';
import type { Comparison } from '../../../server/protocol/types.ts';
import type { ProjectStore } from '../../../server/store/projectStore.ts';
import { decideNext, decisionOn, projects, rowsOf, textOfResponse } from '../../support/project.ts';

describe('which pair is asked next', () => {
  const project = projects();
  const withRows = (prompts: number, responses = 2, compare: object = {}) =>
    project({
      'responses/a.jsonl': rowsOf(prompts, responses),
      'palate.json': JSON.stringify({ version: 1, compare }),
    });
  const promptsOf = (comparisons: readonly Comparison[]) => comparisons.map(({ prompt }) => prompt.content);
  const next = async (store: ProjectStore, annotator = 'ann') => (await store.next(annotator, 1, [])).comparisons.at(0);

  it('every prompt once before any comes again, and all pairs in the end', async () => {
    const store = await withRows(5, 4, { repeat: 0 }).open();
    const asked: Comparison[] = [];
    for (let comparison = await next(store); comparison; comparison = await next(store)) {
      asked.push(comparison);
      await store.decide('ann', decisionOn(comparison));
    }
    assert.equal(asked.length, 5 * 6);
    assert.equal(new Set(asked.map(({ id }) => id)).size, asked.length);
    for (let round = 0; round < 6; round++) {
      assert.deepEqual(promptsOf(asked.slice(5 * round, 5 * round + 5)), ['p1', 'p2', 'p3', 'p4', 'p5']);
    }
    const firstTwo = asked.slice(0, 10).filter(({ prompt }) => prompt.content === 'p1');
    const shown = firstTwo.flatMap((comparison) => [textOfResponse(comparison, 0), textOfResponse(comparison, 1)]);
    assert.deepEqual(shown.sort(), ['p1 a', 'p1 b', 'p1 c', 'p1 d'], 'each response before any comes again');
  });

  it('asked for many at once, it gives the same as one by one', async () => {
    const files = withRows(3, 3, { repeat: 0 });
    const store = await files.open();
    const all = (await store.next('ann', 50, [])).comparisons;
    assert.equal(all.length, 9);
    for (const comparison of all) {
      assert.deepEqual(await next(store), comparison);
      await store.decide('ann', decisionOn(comparison));
    }
  });

  it('what is held on the screen is as good as decided', async () => {
    const store = await withRows(3, 3).open();
    const [first, second] = (await store.next('ann', 2, [])).comparisons;
    const rest = (await store.next('ann', 2, [first.id, second.id])).comparisons;
    assert.deepEqual(promptsOf(rest), ['p3', 'p1']);
  });

  it('prompts that others have labelled come later', async () => {
    const store = await withRows(4).open();
    await decideNext(store, 'ann', 2);
    assert.deepEqual(promptsOf((await store.next('ben', 4, [])).comparisons), ['p3', 'p4', 'p1', 'p2']);
    await store.undo('ann');
    assert.deepEqual(promptsOf((await store.next('ben', 4, [])).comparisons), ['p2', 'p3', 'p4', 'p1']);
  });

  it('new responses are asked about as they come', async () => {
    const files = withRows(2);
    const store = await files.open();
    await decideNext(store, 'ann', 2);
    assert.equal((await store.next('ann', 1, [])).empty, 'allDecided');
    await store.addResponses('more', [{ prompt: 'p2', completion: 'new', finished: true, model: 'm' }]);
    const { comparisons, progress } = await store.next('ann', 10, []);
    assert.deepEqual([promptsOf(comparisons), progress.remaining], [['p2', 'p2'], 2]);
  });

  it('of very many responses to one prompt each is shown seven times at most', async () => {
    const store = await withRows(1, 16, { repeat: 0 }).open();
    const { comparisons, progress } = await store.next('ann', 100, []);
    assert.equal(comparisons.length, 56);
    assert.equal(progress.remaining, 56);
    const counts = new Map<string, number>();
    for (const { shown } of comparisons) for (const { id } of shown) counts.set(id, (counts.get(id) ?? 0) + 1);
    assert.deepEqual(
      [...counts.values()],
      Array.from({ length: 16 }, () => 7),
    );
  });

  describe('pairs that come back', () => {
    /** Labels until nothing is asked; always for the side that `choose` says. */
    async function labelAll(store: ProjectStore, choose: (comparison: Comparison) => 'A' | 'B') {
      const asked: Comparison[] = [];
      for (let comparison = await next(store); comparison; comparison = await next(store)) {
        asked.push(comparison);
        await store.decide('ann', decisionOn(comparison, choose(comparison)));
        assert.ok(asked.length < 1000);
      }
      return asked;
    }
    const isRepeat = ({ id }: Comparison) => id.endsWith('.2');

    it('come with swapped sides, ids of their own, later, and not one after another while there is anything new', async () => {
      const files = withRows(120, 2, { repeat: 0.3 });
      const store = await files.open();
      const asked = await labelAll(store, () => 'A');
      const again = asked.filter(isRepeat);
      // Of 120 pairs about 36 are drawn; the last twenty never come back.
      assert.ok(again.length > 18 && again.length < 48, `${again.length} came back`);
      const places = asked.flatMap((comparison, place) => (isRepeat(comparison) ? [place] : []));
      const lastNew = asked.findLastIndex((comparison) => !isRepeat(comparison));
      for (const [k, place] of places.entries()) {
        const first = asked.findIndex(({ id }) => id === asked[place].id.slice(0, -2));
        assert.ok(place - first >= repeatDistance.pair, `back after ${place - first}`);
        assert.deepEqual(
          asked[place].shown.map(({ id }) => id),
          asked[first].shown.map(({ id }) => id).reverse(),
        );
        const gap = place - (places[k - 1] ?? 0);
        if (place < lastNew) assert.ok(gap >= repeatDistance.repetition, `${gap} after the one before`);
      }
      assert.ok(
        places.some((place) => place < lastNew),
        'some come while there is anything new',
      );
      const end = await store.next('ann', 5, []);
      assert.deepEqual([end.empty, end.progress.remaining, end.progress.decided], ['allDecided', 0, asked.length]);
      assert.equal(end.progress.textPreferences, 120, 'a pair counts once');
      const [reopened] = [await files.open()];
      assert.deepEqual(await reopened.next('ann', 5, []), end, 'read anew it is the same');
    });

    it('show who favours a side, and who contradicts himself', async () => {
      const store = await withRows(120, 2, { repeat: 0.3 }).open();
      const asked = await labelAll(store, () => 'A');
      const count = asked.filter(isRepeat).length;
      const [biased] = (await store.agreement()).annotators;
      assert.deepEqual(biased.prefersA, { share: 1, of: asked.length });
      assert.deepEqual(biased.repeats, { pairs: count, same: 0, sameSide: count });
      assert.equal((await store.preferences()).leftOut.repeats, count, 'the later decision counts');
      const honest = await withRows(120, 2, { repeat: 0.3 }).open();
      await labelAll(honest, (comparison) => (textOfResponse(comparison, 0).endsWith('a') ? 'A' : 'B'));
      const [consistent] = (await honest.agreement()).annotators;
      assert.deepEqual(consistent.repeats, { pairs: count, same: count, sameSide: 0 });
      assert.ok(Math.abs(consistent.prefersA.share - 0.5) < 0.15, `${consistent.prefersA.share} on side A`);
    });

    it('a repetition that was skipped does not come again; undone, it does', async () => {
      const store = await withRows(40, 2, { repeat: 1 }).open();
      await decideNext(store, 'ann', 21);
      const found = await next(store);
      assert.ok(found !== undefined && isRepeat(found));
      await store.skip('ann', {
        comparison: found.id,
        shown: [found.shown[0].id, found.shown[1].id],
        reason: '',
        ms: 1,
      });
      const rest = (await store.next('ann', 100, [])).comparisons;
      assert.ok(rest.every(({ id }) => id !== found.id));
      const undone = await store.undo('ann');
      assert.deepEqual(undone?.reopened, found);
      assert.equal((await next(store))?.id, found.id);
    });

    it('none where the share is 0', async () => {
      const store = await withRows(40, 2, { repeat: 0 }).open();
      assert.equal((await labelAll(store, () => 'B')).length, 40);
    });
  });
});
