import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';

/** Stands in for npm, which would need a network: it notes its arguments and "installs" the esbuild of this repository. */
const fakeNpm = `
const fs = require('node:fs');
console.log('npm speaks on its stdout');
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
if (process.env.FAKE_NPM_FAILS) process.exit(7);
fs.rmSync('node_modules', { recursive: true, force: true });
fs.mkdirSync('node_modules');
for (const name of ['esbuild', '@esbuild']) fs.symlinkSync(process.env.MODULES + '/' + name, 'node_modules/' + name, 'junction');
fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
`;

/** A command line that tells what it was given. */
const cli = `
console.log(JSON.stringify(process.argv.slice(2)));
if (process.argv.includes('fail')) process.exitCode = 3;
`;

interface LockedPackage {
  version?: string;
  resolved?: string;
  integrity?: string;
  optionalDependencies?: Record<string, string>;
}

describe('package-lock.json', () => {
  const text = readFileSync(join(packageRoot(), 'package-lock.json'), 'utf8');
  const packages = Object.entries(JSON.parse(text).packages as Record<string, LockedPackage>).slice(1);

  it('names no host, and a checksum for every package', () => {
    const wrong = packages.filter(([, { resolved, integrity }]) => resolved !== undefined || !integrity);
    assert.deepEqual(wrong, []);
  });

  it('holds the parts for every operating system, without which `npm ci` refuses it', () => {
    const named = packages.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}));
    const paths = packages.map(([path]) => path);
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((name) => !paths.includes(`node_modules/${name}`)),
      [],
    );
  });
});

describe('bootstrap', () => {
  const root = packageRoot();
  let clone: string;

  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'palate-clone-'));
    for (const file of ['package.json', '.npmrc', 'scripts/bootstrap.mjs', 'scripts/build.mjs', 'scripts/palate.mjs']) {
      cpSync(join(root, file), join(clone, file));
    }
    mkdirSync(join(clone, 'server'));
    writeFileSync(join(clone, 'server', 'cli.ts'), cli);
    writeFileSync(join(clone, 'npm-cli.cjs'), fakeNpm);
    writeLock('1.0.0');
  });
  afterEach(() => rmSync(clone, { recursive: true }));

  function writeLock(version: string): void {
    const packages = {
      '': { name: 'palate' },
      'node_modules/one': { version },
      'node_modules/for-another-system': { version, optional: true },
    };
    writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ lockfileVersion: 3, packages }));
  }

  function run(words: string[], env: NodeJS.ProcessEnv = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      cwd: clone,
      encoding: 'utf8',
      env: { ...process.env, npm_execpath: join(clone, 'npm-cli.cjs'), MODULES: join(root, 'node_modules'), ...env },
    });
    return { status, stdout, stderr };
  }
  const installs = () => readFileSync(join(clone, 'npm-calls'), 'utf8').trim().split('\n').length;

  it('installs, builds and runs on a fresh clone, and only what the task prints is on stdout', () => {
    const { status, stdout, stderr } = run(['scripts/bootstrap.mjs', 'palate', '--', 'generate', '--json', '--', 'x']);
    assert.equal(stdout, '["generate","--json","--","x"]\n', stderr);
    assert.equal(status, 0);
    assert.match(stderr, /installing dependencies[\s\S]*npm speaks on its stdout/);
  });

  it('installs again only when the lock file asks for another version', () => {
    run(['scripts/bootstrap.mjs', 'palate']);
    assert.equal(run(['scripts/bootstrap.mjs', 'palate']).stderr, '');
    assert.equal(installs(), 1);
    writeLock('1.0.1');
    run(['scripts/bootstrap.mjs', 'palate']);
    assert.equal(installs(), 2);
  });

  it('builds again when a source changed', () => {
    run(['scripts/bootstrap.mjs', 'palate']);
    writeFileSync(join(clone, 'server', 'cli.ts'), `console.log('changed');`);
    assert.equal(run(['scripts/bootstrap.mjs', 'palate']).stdout, 'changed\n');
  });

  it('drops the built file of a test that was deleted', () => {
    mkdirSync(join(clone, 'test'));
    const source = join(clone, 'test', 'a.test.ts');
    const built = join(clone, 'out', 'test', 'a.test.js');
    writeFileSync(source, 'export {};');
    run(['scripts/bootstrap.mjs', 'build']);
    readFileSync(built);
    rmSync(source);
    run(['scripts/bootstrap.mjs', 'build']);
    assert.throws(() => readFileSync(built), /ENOENT/);
  });

  it("ends with the task's exit code", () => {
    assert.equal(run(['scripts/bootstrap.mjs', 'palate', '--', 'fail']).status, 3);
  });

  it('demo is a command of the command line', () => {
    assert.equal(run(['scripts/bootstrap.mjs', 'demo', '--', '--json']).stdout, '["demo","--json"]\n');
  });

  it('says so when npm fails, and runs nothing', () => {
    const { status, stdout, stderr } = run(['scripts/bootstrap.mjs', 'palate'], { FAKE_NPM_FAILS: '1' });
    assert.deepEqual([status, stdout], [7, '']);
    assert.match(stderr, /npm ci ended with 7/);
  });

  it('says so when a source does not compile', () => {
    writeFileSync(join(clone, 'server', 'cli.ts'), `import './absent.ts';`);
    const { status, stdout, stderr } = run(['scripts/bootstrap.mjs', 'palate']);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /Could not resolve "\.\/absent\.ts"[\s\S]*the build failed/);
  });

  it('refuses a task that it does not know', () => {
    const { status, stderr } = run(['scripts/bootstrap.mjs', 'deom']);
    assert.equal(status, 2);
    assert.match(stderr, /no task "deom".*demo/);
  });

  it("the package's command builds and runs the same way", () => {
    assert.equal(run(['scripts/palate.mjs', 'score', 'x']).stdout, '["score","x"]\n');
  });

  it('`npm run palate` adds nothing to stdout', () => {
    run(['scripts/bootstrap.mjs', 'build']);
    const { stdout } = spawnSync('npm run palate -- generate --json', {
      cwd: clone,
      encoding: 'utf8',
      shell: true,
      env: bareEnvironment(),
    });
    assert.equal(stdout, '["generate","--json"]\n');
  });

  /** Without the settings that an outer `npm test` hands down, which would hide what .npmrc does. */
  function bareEnvironment(): NodeJS.ProcessEnv {
    return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  }
});
