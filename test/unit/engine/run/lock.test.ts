import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { takeRunLock } from '../../../../server/engine/run/lock.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('the lock of a run', () => {
  const temporary = temporaryFolder();
  let folder = '';
  let count = 0;
  beforeEach(() => {
    folder = join(temporary.path, `run-${count++}`);
  });
  const path = () => join(folder, 'lock.json');
  const content = () => JSON.parse(readFileSync(path(), 'utf8'));

  it('is taken once, and again after its release', () => {
    const lock = takeRunLock(folder);
    assert.throws(
      () => takeRunLock(folder),
      new RegExp(
        `UserError: A training is under way in ${folder} \\(process ${process.pid}; last sign of life \\d+ s ago\\)`,
      ),
    );
    lock.release();
    assert.ok(!existsSync(path()));
    takeRunLock(folder).release();
  });

  it('of a process that ended is taken over', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    takeRunLock(folder);
    writeFileSync(path(), JSON.stringify({ ...content(), pid: child.pid, started: null }));
    const lock = takeRunLock(folder);
    assert.equal(content().pid, process.pid);
    lock.release();
  });

  it('of a process whose number is another one’s now is taken over', function () {
    takeRunLock(folder);
    const held = content();
    if (held.started === null) return this.skip();
    writeFileSync(path(), JSON.stringify({ ...held, started: '1' }));
    takeRunLock(folder).release();
  });

  it('without a sign of life for ten minutes is taken over, and its holder finds out', () => {
    const lost = takeRunLock(folder);
    writeFileSync(path(), JSON.stringify({ ...content(), host: 'elsewhere', pid: 1 }));
    assert.throws(() => takeRunLock(folder), /process 1 on elsewhere/);
    const old = new Date(Date.now() - 601_000);
    utimesSync(path(), old, old);
    const lock = takeRunLock(folder);
    withClockAhead(() => {
      assert.throws(() => lost.beat(), /UserError: Another process took the run over/);
      lock.beat();
    });
    lost.release();
    assert.ok(existsSync(path()), 'the former holder must not remove the new lock');
    lock.release();
  });

  it('shows its heartbeat', () => {
    const lock = takeRunLock(folder);
    const old = new Date(Date.now() - 500_000);
    utimesSync(path(), old, old);
    withClockAhead(() => lock.beat());
    assert.throws(() => takeRunLock(folder), /last sign of life -?\d{1,2} s ago/);
    lock.release();
  });

  it('that was torn by a kill is taken over', () => {
    takeRunLock(folder);
    writeFileSync(path(), `{"pid": ${process.pid}, "host": "${hostname()}`);
    takeRunLock(folder).release();
  });

  function withClockAhead(work: () => void): void {
    const { now } = Date;
    Date.now = () => now() + 10_000;
    try {
      work();
    } finally {
      Date.now = now;
    }
  }
});
