import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findNative, nativeHome, versionsName } from '../../../server/tensorflow/home.ts';
import { type SetupProcessOptions, setUpApart } from '../../../server/tensorflow/setupProcess.ts';
import { fakeCompiler, libtensorflowFiles, recordedWork, wheelOf, writeTree } from '../../support/fakeTensorflow.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('setting up TensorFlow in a process of its own', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  let count = 0;
  let wheel: string;
  let checkEntry: string;

  before(function () {
    if (process.platform === 'win32') skip(this, 'the stand-ins for a compiler are shell scripts');
    wheel = temporary.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    // Tells a GPU as libtensorflow would, with a warning on the way.
    checkEntry = temporary.write(
      'check.mjs',
      `console.error('2026-01-01 00:00:00.1: W tensorflow/core/common_runtime/gpu/gpu_device.cc:39] Cannot dlopen some GPU libraries.');
       console.log(JSON.stringify({ libtensorflow: '9.9.9', node: process.version, gpu: false, path: process.env.LD_LIBRARY_PATH }));`,
    );
  });

  function options(body: string, change: Partial<SetupProcessOptions> = {}) {
    const home = join(temporary.path, `home-${++count}`);
    const env = { ...process.env, CXX: fakeCompiler(join(temporary.path, `cxx-${count}`), body) };
    return { ...recordedWork(), home, from: wheel, checkEntry, env, ...change };
  }
  const left = (home: string) => (existsSync(nativeHome(home)) ? readdirSync(nativeHome(home)) : []);

  it('installs, telling the stages and what TensorFlow says of a GPU', async () => {
    const asked = options('echo binding > "$out"');
    const { status, native, check } = await setUpApart(asked);
    assert.equal(status, 'installed');
    assert.deepEqual([...new Set(asked.stages)], ['unpack', 'compile', 'check']);
    assert.deepEqual([check.gpu, check.remark], [false, 'Cannot dlopen some GPU libraries.']);
    assert.ok(existsSync(native.binding));
    const again = await setUpApart({ ...recordedWork(), home: asked.home, checkEntry, check: true });
    assert.equal(again.status, 'present');
  });

  it('a sentence of the set-up stays one', async () => {
    const { from: _, ...asked } = options('exit 1');
    await assert.rejects(setUpApart({ ...asked, from: join(temporary.path, 'nothing.whl') }), {
      name: 'UserError',
      message: /There is no .*nothing\.whl: give the libtensorflow/,
    });
    await assert.rejects(setUpApart({ ...asked, check: true }), /No native TensorFlow is installed in/);
  });

  it('cancelled while it compiles: the compiler is ended, and nothing is left', async () => {
    const controller = new AbortController();
    const work = recordedWork(controller.signal);
    const asked = options('exec sleep 600', {
      ...work,
      progress(stage) {
        if (stage === 'compile') controller.abort();
      },
    });
    await assert.rejects(setUpApart(asked), { name: 'AbortError' });
    assert.deepEqual(left(asked.home), []);
  });

  it("CUDA's libraries beside the Python package are where the loader looks", async () => {
    const { native, check } = await fromPackage();
    const folder = join(temporary.path, `site-${count}`, 'nvidia', 'cublas', 'lib');
    assert.deepEqual(native.cudaFolders, [folder]);
    assert.ok(native.folder.endsWith(versionsName('4.22.0', '9.9.9')));
    assert.equal((check as { path?: string }).path?.split(':')[0], folder);
  });

  it('a GPU that TensorFlow saw is remembered', async () => {
    const seesGpu = temporary.write(
      'gpu.mjs',
      "console.log(JSON.stringify({ libtensorflow: '9.9.9', node: process.version, gpu: true }));",
    );
    const asked = options('echo binding > "$out"');
    const { native } = await setUpApart({ ...asked, checkEntry: seesGpu });
    assert.equal(native.gpu, true);
    assert.equal(findNative(asked.home)?.gpu, true);
    // Without it the next time: the record follows.
    const { native: now } = await setUpApart(asked);
    assert.deepEqual([now.gpu, findNative(asked.home)?.gpu], [undefined, undefined]);
  });

  it('tells apart the forms of a warning', async () => {
    const sentence = 'Could not find cuda drivers on your machine, GPU will not be used.';
    for (const line of [
      `I0000 00:00:1796076095.043110   32377 cudart_stub.cc:31] ${sentence}`,
      `2026-11-30 22:00:00.1: W tensorflow/tsl/cuda/cudart_stub.cc:28] ${sentence}`,
      `WARNING: All log messages\nI0000 00:00:1796076095.1 1 cpu_feature_guard.cc:227] no matter\nE0000 00:00:1.1 1 a.cc:1] ${sentence}`,
    ]) {
      const entry = temporary.write(
        'warns.mjs',
        `console.error(${JSON.stringify(line)}); console.log(JSON.stringify({ libtensorflow: '9.9.9', node: '', gpu: false }));`,
      );
      const { check } = await setUpApart({ ...options('echo binding > "$out"'), checkEntry: entry });
      assert.equal(check.remark, sentence);
    }
  });

  /** As pip lays out a package of TensorFlow with CUDA's. */
  async function fromPackage() {
    const asked = options('echo binding > "$out"');
    const site = `site-${count}`;
    writeTree(join(temporary.path, site), [
      ...libtensorflowFiles('tensorflow/'),
      ['nvidia/cublas/lib/libcublas.so.12', Buffer.from('cuBLAS')],
      ['nvidia/empty/lib/README', Buffer.from('')],
    ]);
    return setUpApart({ ...asked, from: join(temporary.path, site, 'tensorflow') });
  }
});
