import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../../support/bundle.ts';
import { labelApart, moments } from '../../support/labellingProcess.ts';
import { decideNext, decisionOn, projects, rowsOf, type TestProject } from '../../support/project.ts';

describe('labels and processes', () => {
  const project = projects();
  let program = '';
  before(async () => {
    program = await bundleProgram('test/support/killableStore.ts');
  });

  const hasAll = async (files: TestProject, acknowledged: readonly string[]) => {
    const store = await files.open();
    const ids = new Set((await idsOf(files)).map(String));
    for (const id of acknowledged) assert.ok(ids.has(id), `${id} was acknowledged and is lost`);
    const { problems } = await store.info();
    return { store, problems };
  };
  /** Lines that are whole, as any other program would read them. */
  const idsOf = async (files: TestProject) =>
    files
      .read('feedback/ann.jsonl')
      .split('\n')
      .flatMap((line) => {
        try {
          return [(JSON.parse(line) as { id: string }).id];
        } catch {
          return [];
        }
      });

  for (const moment of moments) {
    it(`killed in the middle of a decision, ${moment}: no acknowledged label is lost, and labelling goes on`, async () => {
      const files = project({ 'responses/a.jsonl': rowsOf(12) });
      const { acknowledged, signal } = await labelApart(program, {
        folder: files.folder,
        annotator: 'ann',
        count: 3,
        moment,
      });
      assert.deepEqual([acknowledged.length, signal], [2, 'SIGKILL']);
      const { store } = await hasAll(files, acknowledged);
      const { decided } = await store.progress('ann');
      // The third was not acknowledged: it is whole or not there at all.
      const isThere = [
        'written but its end',
        'written',
        'before flushing',
        'flushed',
        'before closing',
        'closed',
      ].includes(moment);
      assert.equal(decided, isThere ? 3 : 2);
      const [next] = await decideNext(store, 'ann', 1);
      assert.equal(next.progress.decided, decided + 1);
      const again = await labelApart(program, { folder: files.folder, annotator: 'ann', count: 2 });
      await hasAll(files, [...acknowledged, next.event.id, ...again.acknowledged]);
      assert.equal((await store.progress('ann')).decided, decided + 3);
      const { problems } = await store.info();
      assert.deepEqual(
        problems.map((problem) => problem.replace(/:.*/s, '')),
        moment === 'half written' ? ['feedback/ann.jsonl'] : [],
      );
    });
  }

  it('killed from outside at ten moments: every acknowledged label is there', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(200) });
    const all: string[] = [];
    for (let killAfter = 1; killAfter <= 10; killAfter++) {
      const { acknowledged, signal } = await labelApart(program, {
        folder: files.folder,
        annotator: 'ann',
        count: 100,
        killAfter,
      });
      assert.equal(signal, 'SIGKILL');
      assert.ok(acknowledged.length >= killAfter);
      all.push(...acknowledged);
      await hasAll(files, all);
    }
  });

  it('two processes and an open store append at once: nothing is lost, torn or counted twice', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(100) });
    const store = await files.open();
    const here = (async () => {
      const ids: string[] = [];
      for (let k = 0; k < 20; k++) {
        const { comparisons } = await store.next('ann', 1, []);
        ids.push((await store.decide('ann', decisionOn(comparisons[0]))).event.id);
      }
      return ids;
    })();
    const apart = (annotator: string) => labelApart(program, { folder: files.folder, annotator, count: 20 });
    const [mine, ann, ben] = await Promise.all([here, apart('ann'), apart('ben')]);
    assert.deepEqual([ann.code, ben.code, ann.acknowledged.length, ben.acknowledged.length], [0, 0, 20, 20]);
    const lines = files.read('feedback/ann.jsonl').split('\n');
    assert.equal(lines.pop(), '');
    assert.deepEqual(new Set(lines.map((line) => JSON.parse(line).id)), new Set([...mine, ...ann.acknowledged]));
    assert.equal(lines.length, 40);
    assert.deepEqual((await store.info()).problems, []);
    const again = await files.open();
    assert.deepEqual(await again.progress('ann'), await store.progress('ann'));
    assert.equal((await store.progress('ben')).decided, 20);
  });

  it('two windows: what one decides the other knows at once; undo takes the newest of both', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(6) });
    const [left, right] = [await files.open(), await files.open()];
    for (let k = 0; k < 3; k++) {
      await decideNext(left, 'ann', 1);
      await decideNext(right, 'ann', 1);
    }
    assert.equal((await left.next('ann', 1, [])).empty, 'allDecided');
    const newest = (await right.next('ann', 1, [])).last?.id;
    assert.equal((await left.undo('ann'))?.event.id, newest);
    assert.equal((await right.redo('ann'))?.event.id, newest);
    assert.equal((await left.progress('ann')).decided, 6);
  });

  it('both windows decide the same pair: the later one counts, both are kept', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(1) });
    const [left, right] = [await files.open(), await files.open()];
    const [shown] = (await left.next('ann', 1, [])).comparisons;
    const [same] = (await right.next('ann', 1, [])).comparisons;
    assert.deepEqual(same, shown);
    await left.decide('ann', decisionOn(shown, 'A'));
    await right.decide('ann', decisionOn(same, 'B'));
    assert.equal((await left.preferences()).rows.length, 1);
    assert.equal((await left.progress('ann')).decided, 1);
    assert.equal(files.events().length, 2);
    assert.deepEqual(await left.preferences(), await right.preferences());
  });

  it('a torn last line is no label, is told, and the next decision starts on a line of its own', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    let store = await files.open();
    await decideNext(store, 'ann', 1);
    const path = join(files.folder, 'feedback', 'ann.jsonl');
    const [line] = files.read('feedback/ann.jsonl').split('\n');
    appendFileSync(path, line.slice(0, 100));
    assert.deepEqual((await store.info()).problems, [], 'another window may be writing it');
    const [next] = await decideNext(store, 'ann', 1);
    assert.equal(next.progress.decided, 2);
    await store.close();
    store = await files.open();
    const info = await store.info();
    assert.equal(info.counts.annotators[0].decisions, 2);
    assert.match(info.problems.join(), /^feedback\/ann\.jsonl:2: this line is not valid JSON/);
  });

  it('a last line without its end counts, and is not torn by the next', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    const store = await files.open();
    await decideNext(store, 'ann', 2);
    files.write('feedback/ann.jsonl', files.read('feedback/ann.jsonl').trimEnd());
    assert.equal((await store.progress('ann')).decided, 2);
    const [next] = await decideNext(store, 'ann', 1);
    assert.equal(next.progress.decided, 3);
    assert.equal(files.events().length, 3);
  });
});
