import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { packageRoot } from '../../server/paths.ts';

describe('test runner', () => {
  const root = packageRoot();
  let folder: string;

  // Below out/, so that the made-up tests find mocha's and Palate's modules.
  before(() => {
    folder = mkdtempSync(join(root, 'out', 'tmp-runner-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs made-up tests in a process of their own; `skip` is there for them. */
  function run(source: string): { status: number | null; stdout: string; last: string } {
    const file = join(folder, 'made-up.mjs');
    const contents = `import { skip } from './test/support/skip.ts';\n${source}`;
    buildSync({ stdin: { contents, resolveDir: root }, bundle: true, format: 'esm', platform: 'node', outfile: file });
    const program = join(folder, 'run.mjs');
    const runner = pathToFileURL(join(root, 'out', 'scripts', 'testRunner.js')).href;
    const options = JSON.stringify({ files: [file], patience: 300 });
    writeFileSync(program, `import { runTests } from '${runner}';\nawait runTests(${options});`);
    const { status, stdout } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    return { status, stdout, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
  }

  it('counts, and ends with 0 when nothing failed', () => {
    const { status, stdout, last } = run(`
      describe('suite', () => { it('one', () => {}); it('two', () => {}); });`);
    assert.deepEqual([status, last], [0, '2 passed, 0 failed, 0 skipped']);
    assert.match(stdout, /^suite\n {2}✓ one\n {2}✓ two\n/);
  });

  it('shows the failure and ends with 1', () => {
    const { status, stdout, last } = run(`
      it('right', () => {}); describe('a', () => { it('wrong', () => { throw new Error('because'); }); });`);
    assert.deepEqual([status, last], [1, '1 passed, 1 failed, 0 skipped']);
    assert.match(stdout, /1\) a › wrong\n {2}Error: because/);
  });

  it('prints why a test was skipped, also when its suite was', () => {
    const { status, stdout, last } = run(`
      it('right', () => {});
      it('alone', function () { skip(this, 'no data'); });
      it.skip('unsaid', () => {});
      describe('suite', () => { before(function () { skip(this, 'no engine'); }); it('b', () => {}); it('c', () => {}); });`);
    assert.deepEqual([status, last], [0, '1 passed, 0 failed, 4 skipped']);
    assert.match(stdout, /- alone \(skipped: no data\)/);
    assert.match(stdout, /- unsaid \(skipped: no reason given\)/);
    assert.match(stdout, /- b \(skipped: no engine\)\n.*- c \(skipped: no engine\)/);
  });

  it('a run without a test that passed is not a success', () => {
    assert.deepEqual([run('').status, run('').last], [1, '0 passed, 0 failed, 0 skipped']);
    assert.equal(run(`it('a', function () { skip(this, 'x'); });`).status, 1);
  });

  it('names what a test leaves open and fails', () => {
    const { status, stdout, last } = run(`it('leaves', () => { setInterval(() => {}, 1000); });`);
    assert.deepEqual([status, last], [1, '1 passed, 1 failed, 0 skipped']);
    assert.match(stdout, /Still open 300 ms after the last test: .*Timeout/);
  });

  it('waits for what ends by itself', () => {
    assert.equal(run(`it('leaves', () => { setTimeout(() => {}, 50); });`).status, 0);
  });

  it('a test that ends the process cannot look like a success', () => {
    const { status, stdout, last } = run(
      `it('a', () => {}); it('quits', () => { process.exit(0); }); it('b', () => {});`,
    );
    assert.deepEqual([status, last], [1, '1 passed, 1 failed, 0 skipped']);
    assert.match(stdout, /The process ended before the tests did/);
  });

  it('a file that cannot be loaded is a failure', () => {
    const { status, last } = run(`throw new Error('at load');`);
    assert.deepEqual([status, last], [1, '0 passed, 1 failed, 0 skipped']);
  });

  it('an exception outside a test is a failure', () => {
    const { status, last } = run(`it('a', (done) => { setTimeout(() => { throw new Error('late'); }, 5); });`);
    assert.deepEqual([status, last], [1, '0 passed, 1 failed, 0 skipped']);
  });

  it('refuses it.only, which would silently leave the other tests out', () => {
    assert.equal(run(`it.only('a', () => {}); it('b', () => {});`).status, 1);
  });
});
