import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';
import { goneWithin, installedCodeServer } from '../support/codeServer.ts';
import { processesAreVisible, processesWith } from '../support/processes.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('npm run open', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  const script = join(packageRoot(), 'out', 'scripts', 'open.js');

  function open(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [script, '--folder', join(folder.path, 'open'), ...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    return { child, said: () => said };
  }

  it('opens a copy of the example in VS Code, with folders of its own', async function () {
    if (process.platform === 'win32') skip(this, 'the stand-in for `code` is a shell script');
    const programs = join(folder.path, 'programs');
    mkdirSync(programs);
    const calls = join(folder.path, 'calls');
    chmodSync(folder.write('programs/code', `#!/bin/sh\necho "$@" >> "${calls}"\n`), 0o755);
    const { child, said } = open([], { PATH: `${programs}${delimiter}${process.env.PATH}` });
    const [status] = await once(child, 'close');
    assert.equal(status, 0, said());
    const [version, install, start] = readFileSync(calls, 'utf8').trim().split('\n');
    assert.equal(version, '--version');
    assert.match(install, /--extensions-dir \S+open\/extensions --install-extension \S+palate-\S+\.vsix/);
    const example = join(folder.path, 'open', 'example');
    assert.ok(start.endsWith(example), start);
    assert.ok(existsSync(join(example, 'palate.json')));
  });

  it('opens it in code-server, at an address that answers, until Ctrl+C', async function () {
    installedCodeServer(this);
    const mark = { PALATE_TEST_OPEN: folder.path };
    const { child, said } = open(['--code-server'], mark);
    const address = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', () => {
        const found = said().match(/http:\/\/127\.0\.0\.1:\S+/);
        if (found) resolve(found[0]);
      });
      child.on('close', () => reject(new Error(said())));
    });
    assert.equal((await fetch(address)).status, 200);
    assert.match(decodeURIComponent(address), /folder=.*open\/example$/);
    child.kill('SIGINT');
    await once(child, 'close');
    if (processesAreVisible) {
      assert.deepEqual(await goneWithin(() => processesWith('PALATE_TEST_OPEN', folder.path), 10_000), []);
    }
  });
});
