import assert from 'node:assert/strict';
import { join } from 'node:path';
import { isGoldPlace } from '../../../server/feedback/goldPlaces.ts';
import type { Comparison } from '../../../server/protocol/types.ts';
import type { ProjectStore } from '../../../server/store/projectStore.ts';
import { decisionOn, projects, rowsOf, textOfResponse } from '../../support/project.ts';

describe('gold questions', () => {
  const project = projects();
  const gold = (count: number) =>
    Array.from({ length: count }, (_, k) => ({ prompt: `g${k}`, chosen: `right ${k}`, rejected: `wrong ${k}` }));
  const withGold = (compare: object = {}, rows: readonly object[] = gold(40)) =>
    project({
      'responses/a.jsonl': rowsOf(60),
      'gold/known.jsonl': rows,
      'palate.json': JSON.stringify({ version: 1, compare: { repeat: 0, ...compare } }),
    });
  const isGold = ({ shown }: Comparison) =>
    ([0, 1] as const).some((side) => /^(right|wrong)/.test(textOf(shown, side)));
  const textOf = (shown: Comparison['shown'], side: 0 | 1) => textOfResponse({ shown } as Comparison, side);
  const rightSide = (comparison: Comparison) => (textOfResponse(comparison, 0).startsWith('right') ? 'A' : 'B');
  const wrongSide = (comparison: Comparison) => (rightSide(comparison) === 'A' ? 'B' : 'A');

  async function label(
    store: ProjectStore,
    count: number,
    answer = rightSide as (of: Comparison) => 'A' | 'B' | 'tie',
  ) {
    const asked: Comparison[] = [];
    const told: (string | undefined)[] = [];
    for (let k = 0; k < count; k++) {
      const [comparison] = (await store.next('ann', 1, [])).comparisons;
      asked.push(comparison);
      const { event } = await store.decide(
        'ann',
        decisionOn(comparison, isGold(comparison) ? answer(comparison) : 'A'),
      );
      told.push(event.gold);
    }
    return { asked, told };
  }

  it('come at one place of twelve, the same whenever it is asked, and look like any other pair', async () => {
    const files = withGold();
    const ahead = (await (await files.open()).next('ann', 60, [])).comparisons;
    assert.equal(ahead.filter(isGold).length, 5);
    const { asked } = await label(await files.open(), 60);
    assert.deepEqual(
      asked.map(({ id }) => id),
      ahead.map(({ id }) => id),
    );
    const places = asked.flatMap((comparison, place) => (isGold(comparison) ? [place] : []));
    assert.deepEqual(
      places.map((place) => Math.floor(place / 12)),
      [0, 1, 2, 3, 4],
    );
    const keysOf = (comparison: Comparison) => [Object.keys(comparison), Object.keys(comparison.shown[0])];
    const [one, other] = [asked.find(isGold), asked.find((comparison) => !isGold(comparison))] as Comparison[];
    assert.deepEqual(
      keysOf(one)
        .flat()
        .filter((key) => key !== 'model'),
      keysOf(other)
        .flat()
        .filter((key) => key !== 'model'),
    );
    assert.equal(new Set(asked.map(({ id }) => id)).size, 60);
  });

  it('stand at other places for other annotators and seeds, and on either side', async () => {
    const places = (seed: number, name: string) =>
      Array.from({ length: 120 }, (_, place) => place).filter((place) => isGoldPlace(place, seed, name));
    assert.equal(places(0, 'ann').length, 10);
    assert.notDeepEqual(places(0, 'ann'), places(0, 'bob'));
    assert.notDeepEqual(places(0, 'ann'), places(1, 'ann'));
    const sides = new Set<string>();
    for (const seed of [1, 2, 3]) {
      const { comparisons } = await (await withGold({ seed }).open()).next('ann', 60, []);
      for (const comparison of comparisons.filter(isGold)) sides.add(rightSide(comparison));
    }
    assert.deepEqual([...sides].sort(), ['A', 'B']);
  });

  it('are in the log like any decision, tell whether the answer is right, and can be undone', async () => {
    const files = withGold();
    const store = await files.open();
    const { asked, told } = await label(store, 12);
    const at = asked.findIndex(isGold);
    assert.deepEqual([told[at], told.filter((one) => one !== undefined).length], ['agrees', 1]);
    const record = files.events()[at];
    assert.deepEqual(Object.keys(record), Object.keys(files.events()[at === 0 ? 1 : 0]));
    assert.ok((record.responses as string[]).includes(record.choice as string));

    for (let k = 12; k > at + 1; k--) await store.undo('ann');
    const undone = await store.undo('ann');
    assert.deepEqual([undone?.event.gold, undone?.reopened?.id], ['agrees', asked[at].id]);
    assert.deepEqual((await store.agreement()).annotators[0]?.gold ?? { pairs: 0, right: 0 }, { pairs: 0, right: 0 });
    assert.equal((await store.comparison('ann', asked[at].id, { open: true }))?.id, asked[at].id);
    assert.equal((await store.next('ann', 1, [])).comparisons[0].id, asked[at].id);
    const again = await store.decide('ann', decisionOn(asked[at], wrongSide(asked[at])));
    assert.equal(again.event.gold, 'differs');
    assert.equal((await store.next('ann', 1, [])).last?.gold, 'differs');
  });

  it('are counted per annotator, and silent where the project says so', async () => {
    const store = await withGold({ tellGold: false }).open();
    const answers = [rightSide, wrongSide, () => 'tie' as const, rightSide, rightSide];
    const { told } = await label(store, 60, (comparison) => (answers.shift() ?? rightSide)(comparison));
    assert.deepEqual(new Set(told), new Set([undefined]));
    assert.deepEqual((await store.agreement()).annotators[0].gold, { pairs: 5, right: 3 });
  });

  it('train nothing and are in no export, unless their responses are the project’s own too', async () => {
    const files = withGold();
    const store = await files.open();
    const { asked } = await label(store, 60);
    const { rows, leftOut } = await store.preferences();
    assert.deepEqual([rows.length, leftOut], [55, { gold: 5 }]);
    const summary = await store.exportPreferences(join(files.folder, 'out.jsonl'));
    assert.deepEqual([summary.rows, summary.leftOut], [55, { gold: 5 }]);
    assert.doesNotMatch(files.read('out.jsonl'), /right|wrong/);
    assert.equal((await store.progress('ann')).textPreferences, 55);
    const { counts } = await store.info();
    assert.deepEqual([counts.prompts, counts.textResponses], [60, 120]);
    assert.ok(!(await store.labelledResponses()).some(({ text }) => text.startsWith('right')));

    const [{ prompt, shown }] = asked.filter(isGold);
    files.write(
      'responses/b.jsonl',
      ([0, 1] as const).map((side) => ({ prompt: prompt.content, completion: textOf(shown, side) })),
    );
    const after = await store.preferences();
    assert.deepEqual([after.rows.length, after.leftOut], [56, { gold: 4 }]);
  });

  it('a row that is none is named with its line, and none is asked where there is nothing else', async () => {
    const store = await withGold({}, [{ prompt: 'p', completion: 'c' }, ...gold(1)]).open();
    assert.match((await store.info()).problems.join(), /gold\/known\.jsonl:1: .*chosen/);
    const only = await project({ 'gold/known.jsonl': gold(3) }).open();
    const { comparisons, empty } = await only.next('ann', 5, []);
    assert.deepEqual([comparisons, empty], [[], 'noPrompts']);
  });
});
