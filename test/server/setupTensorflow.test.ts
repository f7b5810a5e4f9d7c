import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../../server/paths.ts';
import { tfjsNodePackage } from '../../server/tensorflow/home.ts';
import { fakeCompiler, libtensorflowFiles, wheelOf } from '../support/fakeTensorflow.ts';
import { nativeTensorflow } from '../support/native.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('palate setup-tensorflow', () => {
  const temporary = temporaryFolder();
  const program = join(packageRoot(), 'out', 'server', 'cli.js');

  function start(words: string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [program, 'setup-tensorflow', ...words], {
      env: { ...process.env, PALATE_LIBTENSORFLOW: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function run(words: string[], env: NodeJS.ProcessEnv = {}) {
    const child = start(words, env);
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
    return { code, stdout, stderr };
  }

  it('--check --json tells what is installed on one line, the rest is on stderr', async function () {
    const native = nativeTensorflow(this);
    const { code, stdout, stderr } = await run(['--check', '--json']);
    assert.equal(code, 0, stderr);
    const { seconds, bytes, ...result } = JSON.parse(stdout);
    assert.deepEqual(result, {
      status: 'present',
      folder: native.folder,
      binding: native.binding,
      tfjsNode: tfjsNodePackage().version,
      libtensorflow: native.libtensorflow,
      node: process.versions.node,
      gpu: result.gpu,
    });
    assert.equal(typeof result.gpu, 'boolean');
    assert.ok(seconds > 0 && bytes > 0);
    assert.match(stderr, /Checking what is installed: done/);
  });

  it('without the flag, the environment names the libtensorflow', async () => {
    const env = { PALATE_HOME: join(temporary.path, 'home'), PALATE_LIBTENSORFLOW: '/no/such/place' };
    const { code, stdout, stderr } = await run([], env);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^There is no \/no\/such\/place: give .*\.\n$/);
  });

  it('refuses --check with --from', async () => {
    const { code, stderr } = await run(['--check', '--from', 'x']);
    assert.deepEqual([code, stderr], [1, '--check installs nothing: leave out --from or --check.\n']);
  });

  it('Ctrl+C in the middle stops the compiler and leaves nothing', async function () {
    if (process.platform === 'win32') skip(this, 'the stand-in for a compiler is a shell script');
    const wheel = temporary.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    const home = join(temporary.path, 'stopped');
    const env = { PALATE_HOME: home, CXX: fakeCompiler(join(temporary.path, 'cxx'), 'exec sleep 120') };
    const child = start(['--from', wheel, '--json'], env);
    let stderr = '';
    child.stderr!.on('data', (part) => {
      stderr += part;
      if (stderr.includes('Compiling') && !child.killed) child.kill('SIGINT');
    });
    const [stdout, [code]] = await Promise.all([text(child.stdout!), once(child, 'close')]);
    assert.deepEqual([code, stdout], [130, ''], stderr);
    assert.match(stderr, /Stopping …\n.*nothing was installed/);
    assert.deepEqual(readdirSync(join(home, 'tensorflow')), []);
  });
});
