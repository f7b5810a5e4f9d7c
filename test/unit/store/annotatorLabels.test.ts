import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AnnotatorLabels, comparisonKey, partsOfKey } from '../../../server/store/annotatorLabels.ts';
import { kinds } from '../../../server/store/eventColumns.ts';
import { wordsOf } from '../../../server/store/hexIds.ts';
import { Pacer } from '../../../server/store/pacer.ts';

interface TestEvent {
  readonly id: number;
  readonly at: number;
  readonly kind: 'decide' | 'skip' | 'undo' | 'redo';
  /** Comparison, or the event that an undo or redo is about. */
  readonly about: number;
}

const uuid = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

function add(labels: AnnotatorLabels, { id, at, kind, about }: TestEvent): void {
  const isPair = kind === 'decide' || kind === 'skip';
  const row = labels.add(wordsOf(uuid(id)), 0, at, kinds[kind], isPair ? undefined : uuid(about));
  if (row === -1 || !isPair) return;
  const { events } = labels;
  events.low[row] = 2 * about;
  events.high[row] = 2 * about + 1;
  events.choice[row] = kind === 'decide' ? 1 + (id % 5) : 0;
}

/** Everything that can be seen of the labels, by ids: rows are numbered in the order in which they came. */
function seen(labels: AnnotatorLabels) {
  const idOf = (row: number) => (row === -1 ? '' : labels.events.idOf(row));
  return {
    current: Array.from({ length: 6 }, (_, k) => idOf(labels.current(comparisonKey(2 * k, 2 * k + 1, false)))),
    standing: labels.standing.map(idOf),
    undoable: idOf(labels.undoable),
    redoable: idOf(labels.redoable),
    decided: labels.decided,
    skipped: labels.skipped,
  };
}

/** As `seen`, from a list of changes. */
async function replay(batches: readonly (readonly TestEvent[])[]) {
  const labels = new AnnotatorLabels('ann');
  const open = new Map<number, number>();
  for (const batch of batches) {
    for (const event of batch) add(labels, event);
    await labels.settle(
      new Pacer(),
      (_, key, before, after) => {
        assert.equal(open.get(key) ?? -1, before, 'each change goes on from the one before');
        open.set(key, after);
      },
      () => open.clear(),
    );
  }
  for (const [key, row] of open) assert.equal(labels.current(key), row, 'changes lead to how it stands');
  return seen(labels);
}

const event = (id: number): fc.Arbitrary<TestEvent> =>
  fc.record({
    id: fc.constant(id),
    // Few times, so that some are equal.
    at: fc.integer({ min: 1, max: 12 }),
    kind: fc.constantFrom('decide', 'skip', 'undo', 'redo'),
    about: fc.integer({ min: 0, max: 5 }),
  });
const log = fc
  .integer({ min: 0, max: 14 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, k) => event(k))));

describe('the labels of an annotator', () => {
  it('do not depend on the order of lines, on repeated lines, or on how many came at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        log,
        fc.infiniteStream(fc.nat()),
        fc.array(fc.nat({ max: 20 }), { maxLength: 6 }),
        async (events, numbers, cuts) => {
          const expected = await replay([events]);
          const draws = numbers[Symbol.iterator]();
          const draw = () => draws.next().value as number;
          const shuffled = [...events, ...events.filter(() => draw() % 3 === 0)]
            .map((one) => ({ one, place: draw() }))
            .sort((a, b) => a.place - b.place)
            .map(({ one }) => one);
          const batches: TestEvent[][] = [[]];
          for (const [k, one] of shuffled.entries()) {
            if (cuts.includes(k)) batches.push([]);
            batches.at(-1)?.push(one);
          }
          assert.deepEqual(await replay(batches), expected);
          assert.deepEqual(await replay(shuffled.map((one) => [one])), expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('undo and redo are those of an editor: against a plain model', async () => {
    const actions = fc.array(fc.constantFrom('decide', 'skip', 'undo', 'redo'), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(actions, async (sequence) => {
        const labels = new AnnotatorLabels('ann');
        const done: number[] = [];
        let undone: number[] = [];
        for (const [k, kind] of sequence.entries()) {
          const row = kind === 'undo' ? labels.undoable : kind === 'redo' ? labels.redoable : 0;
          if (kind === 'undo') assert.equal(row === -1, done.length === 0);
          if (kind === 'redo') assert.equal(row === -1, undone.length === 0);
          if (row === -1) continue;
          if (kind === 'undo') undone.push(done.pop() as number);
          else if (kind === 'redo') done.push(undone.pop() as number);
          else {
            done.push(k);
            undone = [];
          }
          const target = kind === 'undo' || kind === 'redo' ? row : k % 6;
          const about =
            kind === 'undo' || kind === 'redo' ? Number.parseInt(labels.events.idOf(target).slice(-12), 16) : target;
          add(labels, { id: k, at: k + 1, kind, about });
          await labels.settle(
            new Pacer(),
            () => undefined,
            () => assert.fail('nothing has to be replayed'),
          );
          assert.deepEqual(
            labels.standing.map((at) => labels.events.idOf(at)),
            done.map(uuid),
          );
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a decision outranks a later skip of the same comparison; undone, the skip is left', async () => {
    const decide: TestEvent = { id: 1, at: 1, kind: 'decide', about: 0 };
    const skip: TestEvent = { id: 2, at: 2, kind: 'skip', about: 0 };
    const both = await replay([[decide, skip]]);
    assert.deepEqual([both.current[0], both.decided, both.skipped], [uuid(1), 1, 0]);
    const undone = await replay([[decide, skip, { id: 3, at: 3, kind: 'undo', about: 1 }]]);
    assert.deepEqual([undone.current[0], undone.decided, undone.skipped], [uuid(2), 0, 1]);
  });

  it('of events of one time the ids decide', async () => {
    const one: TestEvent = { id: 1, at: 5, kind: 'decide', about: 0 };
    const two: TestEvent = { id: 2, at: 5, kind: 'decide', about: 0 };
    assert.equal((await replay([[two], [one]])).current[0], uuid(2));
  });

  it('the next time is later than every other, also than one that a wrong clock has written', async () => {
    const labels = new AnnotatorLabels('ann');
    const future = Date.UTC(2100, 0);
    add(labels, { id: 1, at: future, kind: 'decide', about: 0 });
    assert.equal(labels.nextTime(), future + 1);
  });

  it('keys hold two responses and a repetition', () => {
    for (const [low, high, repeat] of [
      [0, 1, false],
      [5, 2 ** 25 - 1, true],
      [2 ** 25 - 2, 2 ** 25 - 1, true],
    ] as const) {
      assert.deepEqual(partsOfKey(comparisonKey(low, high, repeat)), { low, high, repeat });
    }
    assert.throws(() => comparisonKey(0, 2 ** 25, false), /33 million/);
  });
});
