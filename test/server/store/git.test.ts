import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createProject } from '../../../server/store/createProject.ts';
import { openProjectStore } from '../../../server/store/openProjectStore.ts';
import type { ProjectStore } from '../../../server/store/projectStore.ts';
import { decideNext, decisionOn, projects, rowsOf, type TestProject } from '../../support/project.ts';
import { skip } from '../../support/skip.ts';

describe('labels under git', () => {
  const project = projects();
  before(function () {
    try {
      execFileSync('git', ['--version']);
    } catch {
      skip(this, 'git is not installed');
    }
  });

  const git = ({ folder }: TestProject, ...args: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=T', '-c', 'user.email=t@example.com', '-c', 'commit.gpgsign=false', ...args],
      {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );

  async function repository(prompts = 6): Promise<{ files: TestProject; store: ProjectStore }> {
    const files = project({ 'responses/a.jsonl': rowsOf(prompts) });
    rmSync(join(files.folder, 'palate.json'));
    await createProject(files.folder);
    rmSync(join(files.folder, 'prompts'), { recursive: true });
    git(files, 'init', '-q', '-b', 'main');
    git(files, 'add', '.');
    git(files, 'commit', '-qm', 'start');
    return { files, store: await files.open() };
  }

  const commit = (files: TestProject, message: string) => {
    git(files, 'add', '.');
    git(files, 'commit', '-qm', message);
  };
  const decidedBy = async (store: ProjectStore, annotator = 'ann') => (await store.progress(annotator)).decided;

  it('.palate/ is not committed', async () => {
    const { files } = await repository();
    assert.doesNotMatch(git(files, 'ls-files'), /\.palate/);
  });

  it('the same annotator on two branches: the merge holds every decision, while the store is open', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 1);
    commit(files, 'common');
    git(files, 'checkout', '-q', '-b', 'other');
    const [onOther] = await decideNext(store, 'ann', 2, 'A');
    commit(files, 'other');
    git(files, 'checkout', '-q', 'main');
    assert.equal(await decidedBy(store), 1, 'the other branch is not seen');
    const [onMain] = await decideNext(store, 'ann', 1, 'B');
    assert.equal(onMain.event.comparison, onOther.event.comparison, 'the same pair is asked again');
    await store.undo('ann');
    await decideNext(store, 'ann', 1, 'B');
    commit(files, 'main');
    git(files, 'merge', '-q', '-m', 'both', 'other');
    assert.equal(await decidedBy(store), 3);
    assert.deepEqual((await store.info()).problems, []);
    const again = await openProjectStore(files.folder);
    assert.deepEqual(await again.progress('ann'), await store.progress('ann'), 'read anew it is the same');
    assert.deepEqual(await again.preferences(), await store.preferences());
    await again.close();
  });

  it('a checkout of another branch and back while the store is open', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 2);
    commit(files, 'two');
    git(files, 'branch', 'two');
    await decideNext(store, 'ann', 2);
    commit(files, 'four');
    for (let round = 0; round < 3; round++) {
      git(files, 'checkout', '-q', 'two');
      assert.equal(await decidedBy(store), 2);
      git(files, 'checkout', '-q', 'HEAD~1');
      assert.equal(await decidedBy(store), 0, 'no feedback/ at all');
      assert.equal((await store.next('ann', 10, [])).comparisons.length, 6);
      git(files, 'checkout', '-q', 'main');
      assert.equal(await decidedBy(store), 4);
    }
    const [recorded] = await decideNext(store, 'ann', 1);
    assert.equal(recorded.progress.decided, 5);
    assert.equal(files.events().length, 5);
  });

  it('the panel shows a pair while git changes the branch: the decision lands on the branch that is there', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 1);
    commit(files, 'one');
    const [shown] = (await store.next('ann', 1, [])).comparisons;
    git(files, 'checkout', '-q', 'HEAD~1');
    const recorded = await store.decide('ann', decisionOn(shown));
    assert.equal(recorded.progress.decided, 1);
    assert.equal(files.events().length, 1);
  });

  it('marks of a conflict are told, and hide no decision', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 2);
    const lines = files.read('feedback/ann.jsonl').split('\n');
    files.write('feedback/ann.jsonl', ['<<<<<<< HEAD', lines[0], '=======', lines[1], '>>>>>>> other', ''].join('\n'));
    assert.equal(await decidedBy(store), 2);
    const { problems } = await store.info();
    assert.equal(problems.length, 3);
    assert.match(problems[0], /^feedback\/ann\.jsonl:1: git left the mark of a conflict.*merge=union/);
  });

  it('a stash takes labels away and brings them back', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 1);
    commit(files, 'one');
    await decideNext(store, 'ann', 2);
    git(files, 'stash', '-q');
    assert.equal(await decidedBy(store), 1);
    git(files, 'stash', 'pop', '-q');
    assert.equal(await decidedBy(store), 3);
  });

  it('an edit in the middle that keeps or raises the size is seen', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 3, 'A');
    const before = files.read('feedback/ann.jsonl');
    files.write('feedback/ann.jsonl', before.replace('"event":"decide"', '"event":"other!"'));
    assert.equal(await decidedBy(store), 2);
    files.write('feedback/ann.jsonl', `${before}${before.split('\n')[0]}\n`);
    assert.equal(await decidedBy(store), 3, 'a line twice counts once');
    const first = before.split('\n')[0];
    files.write(
      'feedback/ann.jsonl',
      `${first.replace('"event":"decide"', '"event":"other!"')}\n${before.split('\n').slice(1).join('\n')}${'\n'.repeat(5)}`,
    );
    assert.equal(await decidedBy(store), 2);
  });

  it('a log that is renamed keeps whose it is', async () => {
    const { files, store } = await repository();
    await decideNext(store, 'ann', 2);
    renameSync(join(files.folder, 'feedback', 'ann.jsonl'), join(files.folder, 'feedback', 'anything.jsonl'));
    assert.equal(await decidedBy(store), 2);
    await decideNext(store, 'ann', 1);
    assert.equal(await decidedBy(store), 3);
    assert.deepEqual((await store.info()).counts.annotators, [{ name: 'ann', decisions: 3 }]);
  });

  it('changes are told: of labels, of content and of palate.json, by git and by others', async () => {
    const { files, store } = await repository();
    const told = { next: new Map<string, () => void>() };
    const stop = store.onChange((what) => told.next.get(what)?.());
    const expected = (what: string) => new Promise<void>((resolve) => told.next.set(what, resolve));
    let change = expected('feedback');
    await decideNext(store, 'ann', 1);
    await change;
    commit(files, 'one');
    change = expected('feedback');
    git(files, 'checkout', '-q', 'HEAD~1');
    await change;
    change = expected('feedback');
    git(files, 'checkout', '-q', 'main');
    await change;
    change = expected('content');
    files.write('responses/b.jsonl', rowsOf(1));
    await change;
    change = expected('content');
    rmSync(join(files.folder, 'responses'), { recursive: true });
    await change;
    change = expected('content');
    files.write('responses/a.jsonl', rowsOf(7));
    await change;
    assert.equal((await store.info()).counts.prompts, 7);
    change = expected('config');
    files.write('palate.json', '{ "version": 1, "seed": 2 }');
    await change;
    change = expected('content');
    await store.addResponses('generated', [{ prompt: 'new', completion: 'x', finished: true, model: 'm' }]);
    await change;
    stop();
  });
});
