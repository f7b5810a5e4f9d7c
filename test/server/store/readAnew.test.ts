import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { ProjectStore } from '../../../server/store/projectStore.ts';
import { decisionOn, projects, rowsOf, type TestProject } from '../../support/project.ts';

describe('a project that is followed as it changes', () => {
  const project = projects();

  const action = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('decide' as const),
        who: fc.nat(1),
        choice: fc.constantFrom('A', 'B', 'tie'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('skip', 'again'),
        who: fc.nat(1),
        choice: fc.constantFrom('A', 'B', 'tie'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('undo', 'redo'), who: fc.nat(1), choice: fc.constant('A') }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('add', 'remove', 'settings'),
        who: fc.nat(5),
        choice: fc.constant('A'),
      }),
    },
  );

  async function act(
    files: TestProject,
    store: ProjectStore,
    { kind, who, choice }: { kind: string; who: number; choice: string },
  ) {
    const name = ['ann', 'Ben Bean'][who % 2];
    if (kind === 'undo' || kind === 'redo') await store[kind](name);
    else if (kind === 'add') files.write(`responses/more${who}.jsonl`, rowsOf(14, 2 + (who % 3)));
    else if (kind === 'remove') rmSync(join(files.folder, `responses/more${who}.jsonl`), { force: true });
    else if (kind === 'settings')
      files.write('palate.json', JSON.stringify({ version: 1, compare: { repeat: 0.5, seed: who } }));
    else {
      const queue = await store.next(name, 1, []);
      const last = kind === 'again' && queue.last ? await store.comparison(name, queue.last.comparison) : undefined;
      const comparison = last ?? queue.comparisons.at(0);
      if (comparison === undefined) return;
      const [a, b] = [comparison.shown[0].id, comparison.shown[1].id];
      if (kind === 'skip') await store.skip(name, { comparison: comparison.id, shown: [a, b], reason: 'r', ms: 5 });
      else await store.decide(name, decisionOn(comparison, choice as 'A' | 'B' | 'tie'));
    }
  }

  const everything = async (store: ProjectStore) => ({
    queues: await Promise.all(['ann', 'Ben Bean'].map((name) => store.next(name, 100, []))),
    preferences: await store.preferences(),
    agreement: await store.agreement(),
    counts: (await store.info()).counts,
    labelled: new Set((await store.labelledResponses()).map(({ id }) => id)),
  });

  it('is known as if it were read anew', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 30, maxLength: 90 }), async (actions) => {
        const files = project({
          'responses/a.jsonl': rowsOf(12, 3),
          'palate.json': '{ "version": 1, "compare": { "repeat": 0.5 } }',
        });
        const store = await files.open();
        for (const [k, one] of actions.entries()) {
          await act(files, store, one);
          if (k % 15 !== 14) continue;
          const again = await files.open();
          assert.deepEqual(
            await everything(store),
            await everything(again),
            `after ${k + 1} of ${JSON.stringify(actions)}`,
          );
          await again.close();
        }
        await store.close();
      }),
      { numRuns: 12, endOnFailure: true, includeErrorInReport: true },
    );
  });
});
