import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../../server/errors.ts';
import { openProjectStore } from '../../../server/store/openProjectStore.ts';
import type { ProjectStore } from '../../../server/store/projectStore.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { decideNext, decisionOn, projects, rowsOf } from '../../support/project.ts';
import { skip } from '../../support/skip.ts';

describe('a disk that refuses', () => {
  const project = projects();
  const isRoot = process.getuid?.() === 0;

  /** Refused loudly, nothing changed in memory, and the pair comes back. */
  async function refusesADecision(store: ProjectStore, sentence: RegExp): Promise<void> {
    const before = await store.progress('ann');
    const [comparison] = (await store.next('ann', 1, [])).comparisons;
    await assert.rejects(
      store.decide('ann', decisionOn(comparison)),
      (error) => error instanceof UserError && sentence.test(error.message),
      String(sentence),
    );
    assert.deepEqual(await store.progress('ann'), before);
    assert.equal((await store.next('ann', 1, [])).comparisons[0].id, comparison.id);
  }

  it('a folder in the place of the log', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    const store = await files.open();
    mkdirSync(join(files.folder, 'feedback', 'ann.jsonl'), { recursive: true });
    await refusesADecision(
      store,
      /^Your decision was not saved: cannot write feedback\/ann\.jsonl: a folder is in its place\. Mend/,
    );
    assert.match((await store.info()).problems.join(), /feedback\/ann\.jsonl is not a file/);
    rmdirSync(join(files.folder, 'feedback', 'ann.jsonl'));
    assert.equal((await decideNext(store, 'ann', 1))[0].progress.decided, 1);
  });

  it('a file in the place of the folder', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3), feedback: 'not a folder' });
    const store = await files.open();
    await refusesADecision(
      store,
      /Your decision was not saved: cannot write feedback\/ann\.jsonl: (something else|a part of its path)/,
    );
    assert.match((await store.info()).problems.join(), /Cannot read the folder feedback: a part of its path is a file/);
  });

  it('a read-only folder', async function () {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    const store = await files.open();
    await decideNext(store, 'ann', 1);
    const log = join(files.folder, 'feedback', 'ann.jsonl');
    if (isRoot) {
      if (spawnSync('chattr', ['+i', log]).status !== 0)
        skip(this, 'root may write anywhere, and chattr +i does not work here');
    } else chmodSync(log, 0o400);
    try {
      await refusesADecision(store, /cannot write feedback\/ann\.jsonl: this user may not/);
      await assert.rejects(store.undo('ann'), /Nothing was undone: cannot write/);
      assert.equal((await store.progress('ann')).decided, 1);
    } finally {
      if (isRoot) execFileSync('chattr', ['-i', log]);
      else chmodSync(log, 0o600);
    }
    assert.equal((await decideNext(store, 'ann', 1))[0].progress.decided, 2);
  });

  it('a full disk: refused, not torn, and saved when there is room again', async function () {
    const mounted = mkdtempSync(join(tmpdir(), 'palate-full-'));
    if (!isRoot || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mounted]).status !== 0) {
      rmdirSync(mounted);
      skip(this, 'a small disk can be mounted by root only; the limit on the size of a file is tested below');
    }
    try {
      mkdirSync(join(mounted, 'responses'));
      writeFileSync(join(mounted, 'palate.json'), '{ "version": 1 }');
      writeFileSync(
        join(mounted, 'responses', 'a.jsonl'),
        rowsOf(40)
          .map((row) => JSON.stringify(row))
          .join('\n'),
      );
      const store = await openProjectStore(mounted);
      await decideNext(store, 'ann', 1);
      writeFileSync(join(mounted, 'ballast'), '');
      fill(join(mounted, 'ballast'));
      let saved = 1;
      // What is left of the log's last page may still hold some.
      const refused = await firstRefusal(store, () => saved++);
      assert.match(refused.message, /Your decision was not saved: cannot write feedback\/ann\.jsonl: the disk is full/);
      assert.equal((await store.progress('ann')).decided, saved);
      await refusesADecision(store, /the disk is full/);
      const again = await openProjectStore(mounted);
      assert.deepEqual(await again.progress('ann'), await store.progress('ann'), 'read anew it is the same');
      await again.close();
      truncateSync(join(mounted, 'ballast'), 0);
      assert.equal((await decideNext(store, 'ann', 1))[0].progress.decided, saved + 1);
      assert.equal(saved + 1, whole(join(mounted, 'feedback', 'ann.jsonl')));
      await store.close();
    } finally {
      execFileSync('umount', [mounted]);
      rmdirSync(mounted);
    }
  });

  it('a limit on the size of a file, in another process', async function () {
    if (process.platform === 'win32') skip(this, 'Windows has no such limit');
    const files = project({ 'responses/a.jsonl': rowsOf(40) });
    const program = await bundleProgram('test/support/refusedStore.ts');
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -f 4 && exec "$0" "$@"', process.execPath, program, files.folder],
      {
        encoding: 'utf8',
      },
    );
    const { saved, sentence, before, after } = JSON.parse(stdout || `{"sentence": ${JSON.stringify(stderr)}}`);
    assert.match(
      sentence,
      /Your decision was not saved: cannot write feedback\/ann\.jsonl: the (disk is full|file would become larger)/,
    );
    assert.ok(saved >= 2, `${saved} were saved`);
    assert.deepEqual(after, before);
    const store = await files.open();
    assert.equal((await store.progress('ann')).decided, saved);
    const [next] = await decideNext(store, 'ann', 1);
    assert.equal(next.progress.decided, saved + 1);
    assert.equal(whole(join(files.folder, 'feedback', 'ann.jsonl')), saved + 1);
  });

  it('a flush that fails: what was written is taken back', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(3) });
    const program = await bundleProgram('test/support/refusedStore.ts');
    const { stdout, stderr } = spawnSync(process.execPath, [program, files.folder, 'flush'], { encoding: 'utf8' });
    const { saved, sentence, before, after } = JSON.parse(stdout || `{"sentence": ${JSON.stringify(stderr)}}`);
    assert.match(sentence, /cannot write feedback\/ann\.jsonl: the disk reports a fault/);
    assert.equal(saved, 1);
    assert.deepEqual(after, before);
    const store = await files.open();
    assert.equal((await store.progress('ann')).decided, 1);
    assert.equal((await decideNext(store, 'ann', 1))[0].progress.decided, 2);
    assert.deepEqual((await store.info()).problems, []);
    assert.equal(whole(join(files.folder, 'feedback', 'ann.jsonl')), 2);
  });
});

/** Lines that hold a decision. */
function whole(path: string): number {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"event":"decide"') && line.endsWith('}')).length;
}

function fill(path: string): void {
  for (const bytes of [4096, 512, 1]) {
    for (;;) {
      const { size } = statSync(path);
      try {
        writeFileSync(path, 'x'.repeat(bytes), { flag: 'a' });
      } catch {}
      if (statSync(path).size === size) break;
    }
  }
}

async function firstRefusal(store: ProjectStore, saved: () => void): Promise<Error> {
  for (let k = 0; k < 30; k++) {
    try {
      await decideNext(store, 'ann', 1);
      saved();
    } catch (error) {
      return error as Error;
    }
  }
  throw new Error('The disk was never full.');
}
