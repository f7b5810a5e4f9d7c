import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureCodeServer, findCodeServer } from '../../../scripts/codeServer/install.ts';
import { UserError } from '../../../server/errors.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Stands in for npm, which would need a network and minutes: lays out what the packages would, and notes what it was asked. */
const fakeNpm = `#!${process.execPath}
const fs = require('node:fs');
const path = require('node:path');
const words = process.argv.slice(2);
fs.appendFileSync(process.env.NPM_CALLS, JSON.stringify({ words, ignoreScripts: process.env.npm_config_ignore_scripts ?? null, agent: process.env.npm_config_user_agent ?? null }) + '\\n');
const wanted = words.at(-1).split('@')[0];
if (wanted === process.env.NPM_FAILS) process.exit(1);
const folder = path.join(words[words.indexOf('--prefix') + 1], 'node_modules', wanted);
if (wanted === 'code-server') {
  fs.mkdirSync(path.join(folder, 'out', 'node'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'out', 'node', 'entry.js'), 'process.exitCode = process.argv[2] === "--version" ? 0 : 1;');
} else {
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
  fs.symlinkSync(process.execPath, path.join(folder, 'bin', 'node'));
}
`;

describe('code-server', () => {
  const folder = temporaryFolder();
  const original: Record<string, string | undefined> = {};
  let place: string;
  let calls: string;

  beforeEach(function () {
    if (process.platform === 'win32') skip(this, 'code-server does not run on Windows');
    const programs = join(folder.path, 'programs');
    mkdirSync(programs, { recursive: true });
    chmodSync(folder.write('programs/npm', fakeNpm), 0o755);
    calls = join(folder.path, `calls-${this.currentTest?.title.length}`);
    place = join(folder.path, `palate-${this.currentTest?.title.length}`);
    set({ PATH: `${programs}${delimiter}${process.env.PATH}`, NPM_CALLS: calls, npm_config_ignore_scripts: 'true' });
    // `npm run` says so to what it starts; code-server refuses to be installed by a Node that is not 24.
    set({ npm_config_user_agent: 'npm/11.0.0 node/v20.0.0 linux x64' });
  });
  afterEach(() => {
    for (const [name, value] of Object.entries(original)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  function set(values: Record<string, string>): void {
    for (const [name, value] of Object.entries(values)) {
      original[name] ??= process.env[name];
      process.env[name] = value;
    }
  }

  const said = () =>
    readFileSync(calls, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { words: string[]; ignoreScripts: string | null; agent: string | null });

  it('is installed where it is missing, with a Node 24 of its own, and found afterwards', async () => {
    assert.equal(findCodeServer(place), undefined);
    const lines: string[] = [];
    const installed = await ensureCodeServer(place, (line) => lines.push(line));
    assert.deepEqual(findCodeServer(place), installed);
    assert.ok(existsSync(installed.program));
    assert.match(lines.at(-1) ?? '', /code-server .* once/);
    const last = said().at(-1);
    assert.match(last?.words.at(-1) ?? '', /^code-server@\d/);
    assert.ok(last?.words.includes('--ignore-scripts=false'), 'its native modules are compiled');
    assert.equal(last?.ignoreScripts, null, 'whatever npm was told above');
    assert.equal(last?.agent, null, 'npm says itself which Node runs it');
    const count = said().length;
    assert.deepEqual(await ensureCodeServer(place, assert.fail), installed);
    assert.equal(said().length, count, 'nothing is installed twice');
  });

  it('whose installation fails is absent, and the sentence names what it needs', async () => {
    set({ NPM_FAILS: 'code-server' });
    await assert.rejects(
      ensureCodeServer(place, () => undefined),
      (error) => error instanceof UserError && /libkrb5-dev, pkg-config, g\+\+/.test(error.message),
    );
    assert.equal(findCodeServer(place), undefined);
    assert.deepEqual(
      readdirSync(place).filter((name) => name.startsWith('code-server')),
      [],
    );
  });
});
