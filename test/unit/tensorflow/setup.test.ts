import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNative, nativeHome, versionsName } from '../../../server/tensorflow/home.ts';
import { checkInstalled, type SetupOptions, setUpTensorflow } from '../../../server/tensorflow/setup.ts';
import {
  fakeCompiler,
  fakeLibrary,
  libtensorflowFiles,
  mainLibrary,
  type RecordedWork,
  recordedWork,
  tarballOf,
  wheelOf,
} from '../../support/fakeTensorflow.ts';
import { type FileServer, fileServer, serve } from '../../support/fileServer.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Stands in for the check: a binding that says 'damaged' does not load, another one tells its version. */
const checkProgram = `
import { existsSync, readFileSync } from 'node:fs';
const text = readFileSync(process.argv[2], 'utf8');
if (text.includes('damaged')) throw new Error('it does not load');
console.log(JSON.stringify({ libtensorflow: text.trim(), node: process.versions.node }));
`;

describe('setting up the native part', () => {
  const temporary = temporaryFolder();
  let count = 0;
  let home: string;
  let wheel: string;
  let server: FileServer | undefined;

  before(function () {
    if (process.platform === 'win32') skip(this, 'the stand-ins for a compiler are shell scripts');
    wheel = temporary.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    temporary.write('check.mjs', checkProgram);
  });
  beforeEach(() => {
    home = join(temporary.path, `home-${++count}`);
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  const compiler = (body: string) => fakeCompiler(join(temporary.path, `cxx-${++count}`), body);
  const options = (change: Partial<SetupOptions> = {}, work: RecordedWork = recordedWork()): SetupOptions => ({
    ...work,
    home,
    checkEntry: join(temporary.path, 'check.mjs'),
    env: { PATH: process.env.PATH, CXX: compiler('echo "9.9.9  " > "$out"') },
    ...change,
  });
  const left = () => readdirSync(nativeHome(home)).sort();
  const name = versionsName('4.22.0', '9.9.9');

  it('from a wheel: installs, and is found', async () => {
    const work = recordedWork();
    const { status, native, check } = await setUpTensorflow(options({ from: wheel }, work));
    assert.equal(status, 'installed');
    assert.deepEqual(work.stages, ['unpack', 'compile', 'check']);
    assert.deepEqual(check, { libtensorflow: '9.9.9', node: process.versions.node });
    assert.deepEqual(findNative(home), native);
    assert.equal(native.folder, join(nativeHome(home), name));
    assert.deepEqual(readFileSync(join(native.folder, mainLibrary)), fakeLibrary('main'));
    assert.deepEqual(left(), [name]);
    assert.deepEqual(
      readdirSync(native.folder).sort(),
      [
        'installed.json',
        'tfjs_binding.node',
        ...Object.keys(native.files).filter((file) => file.startsWith('lib')),
      ].sort(),
    );
  });

  it('again: only checks, with the same source or none', async () => {
    await setUpTensorflow(options({ from: wheel }));
    for (const from of [wheel, undefined]) {
      const work = recordedWork();
      const { status } = await setUpTensorflow(options({ from }, work));
      assert.deepEqual([status, work.stages], ['present', ['present']]);
    }
    assert.equal((await checkInstalled(options())).status, 'present');
  });

  it('another libtensorflow is installed beside it and used from then on', async () => {
    await setUpTensorflow(options({ from: wheel }));
    const files = libtensorflowFiles('tensorflow/').set(
      `tensorflow/${mainLibrary}`,
      fakeLibrary('x').subarray(0, 9000),
    );
    const other = temporary.write('other.whl', wheelOf(files));
    const env = { PATH: process.env.PATH, CXX: compiler('echo 8.8.8 > "$out"') };
    assert.equal((await setUpTensorflow(options({ from: other, env }))).status, 'installed');
    assert.equal(findNative(home)?.libtensorflow, '8.8.8');
    assert.equal((await setUpTensorflow(options({ from: wheel }))).status, 'present');
    assert.equal(findNative(home)?.libtensorflow, '9.9.9');
  });

  it('what does not work any more is said, and installed again', async () => {
    const { native } = await setUpTensorflow(options({ from: wheel }));
    // Of the same length, so that only loading it tells.
    writeFileSync(native.binding, 'damaged\n');
    await assert.rejects(
      checkInstalled(options()),
      /tfjs_binding\.node does not work \(exit code 1: it does not load\)/,
    );
    const work = recordedWork();
    assert.equal((await setUpTensorflow(options({ from: wheel }, work))).status, 'installed');
    assert.match(work.said.join(), /does not work \(exit code 1: it does not load\)\. It is installed again\./);
    assert.equal((await checkInstalled(options())).status, 'present');
    assert.deepEqual(left(), [name]);
  });

  it('a folder with a cut-off file is replaced', async () => {
    const { native } = await setUpTensorflow(options({ from: wheel }));
    writeFileSync(join(native.folder, mainLibrary), 'cut');
    assert.equal(findNative(home), undefined);
    assert.equal((await setUpTensorflow(options({ from: wheel }))).status, 'installed');
    assert.deepEqual(readFileSync(join(native.folder, mainLibrary)), fakeLibrary('main'));
    assert.deepEqual(left(), [name]);
  });

  it('two at once leave one whole installation', async () => {
    const results = await Promise.all([1, 2, 3].map(() => setUpTensorflow(options({ from: wheel }))));
    for (const { native } of results) assert.equal(native.folder, join(nativeHome(home), name));
    assert.equal((await checkInstalled(options())).status, 'present');
    assert.deepEqual(left(), [name]);
  });

  it('without a compiler it says so before it unpacks', async () => {
    const work = recordedWork();
    const env = { PATH: temporary.path };
    await assert.rejects(setUpTensorflow(options({ from: wheel, env }, work)), /has no C\+\+ compiler/);
    assert.deepEqual([work.stages, left()], [[], []]);
  });

  it('nothing stays but the log where the compiler fails', async () => {
    const env = { PATH: process.env.PATH, CXX: compiler('echo "error: no" >&2; exit 1') };
    await assert.rejects(setUpTensorflow(options({ from: wheel, env })), /could not build.*exit code 1; error: no/);
    assert.deepEqual(left(), ['compile.log']);
  });

  it('nothing stays where the new binding does not work', async () => {
    const env = { PATH: process.env.PATH, CXX: compiler('echo damaged > "$out"') };
    await assert.rejects(setUpTensorflow(options({ from: wheel, env })), /does not work/);
    assert.deepEqual(left(), []);
  });

  for (const stage of ['unpack', 'compile', 'check'] as const) {
    it(`nothing stays where it is stopped at: ${stage}`, async () => {
      const controller = new AbortController();
      const work = recordedWork(controller.signal);
      const progress = (at: string) => {
        if (at === stage) controller.abort();
      };
      await assert.rejects(setUpTensorflow({ ...options({ from: wheel }, work), progress }), { name: 'AbortError' });
      assert.deepEqual(left(), []);
    });
  }

  it('what a killed set-up left is removed, not what another one is at work on', async () => {
    const dead = `.staging-${2 ** 22 + 1}-x`;
    const alive = `.staging-${process.ppid}-x`;
    for (const folder of [dead, alive]) mkdirSync(join(nativeHome(home), folder, 'native'), { recursive: true });
    await setUpTensorflow(options({ from: wheel }));
    assert.deepEqual(left(), [alive, name].sort());
  });

  it('says that nothing is installed, and that a folder cannot be written', async () => {
    await assert.rejects(checkInstalled(options()), /No native TensorFlow is installed in .*setup:tensorflow/);
    home = join(wheel, 'home');
    await assert.rejects(setUpTensorflow(options({ from: wheel })), /^UserError: ENOTDIR.*PALATE_HOME\.$/);
  });

  describe("from tfjs-node's own download", () => {
    const archive = `libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz`;
    const archivePath = `/tensorflow/libtensorflow/${archive}`;
    const bindingPath = '/napi-v8/4.22.0/CPU-linux-4.22.0.tar.gz';
    const libtensorflow = () => tarballOf([...libtensorflowFiles('./')].map(([path, content]) => ({ path, content })));
    const binding = (text: string) => tarballOf([{ path: 'napi-v8/tfjs_binding.node', content: Buffer.from(text) }]);

    before(function () {
      const known = process.platform === 'linux' && process.arch === 'x64';
      if (!known) skip(this, 'the names of the published files are those for linux-x64');
    });

    async function published(files: Record<string, Buffer>, work = recordedWork()): Promise<SetupOptions> {
      server = await fileServer(Object.fromEntries(Object.entries(files).map(([path, file]) => [path, serve(file)])));
      const { env } = options();
      const mirrors = { TFJS_NODE_CDN_STORAGE: server.url, npm_config_tfjs_binding_binary_host_mirror: server.url };
      return options({ env: { ...env, ...mirrors } }, work);
    }

    it('takes the published binding, where that one looks for its libraries', async () => {
      const work = recordedWork();
      const files = { [archivePath]: libtensorflow(), [bindingPath]: binding('2.9.1') };
      const { native } = await setUpTensorflow(await published(files, work));
      assert.deepEqual(work.stages, ['download', 'unpack', 'binding', 'check']);
      assert.equal(native.libtensorflow, '2.9.1');
      assert.equal(native.binding, join(native.folder, 'lib', 'napi-v8', 'tfjs_binding.node'));
      assert.ok(existsSync(join(native.folder, 'deps', 'lib', mainLibrary)));
      assert.deepEqual(readdirSync(join(nativeHome(home), 'downloads')), []);
    });

    for (const [what, files] of [
      ['there is none', {}],
      ['it does not work', { [bindingPath]: binding('damaged') }],
    ] as [string, Record<string, Buffer>][]) {
      it(`compiles one where ${what}`, async () => {
        const work = recordedWork();
        const { native } = await setUpTensorflow(await published({ [archivePath]: libtensorflow(), ...files }, work));
        const stages = work.stages.filter((stage) => stage !== 'binding');
        assert.deepEqual(stages, ['download', 'unpack', 'compile', 'check']);
        assert.match(work.said.join(), /No ready-made binding \(.*\): it is compiled\./);
        assert.equal(native.binding, join(native.folder, 'tfjs_binding.node'));
        assert.equal(existsSync(join(native.folder, 'deps')), false);
        assert.ok(existsSync(join(native.folder, mainLibrary)));
      });
    }

    it('a broken archive is not kept', async () => {
      const whole = libtensorflow();
      const broken = await published({ [archivePath]: whole.subarray(0, whole.length - 60) });
      await assert.rejects(setUpTensorflow(broken), /is broken \(.*\): get it again/);
      await server?.close();
      assert.deepEqual(readdirSync(join(nativeHome(home), 'downloads')), []);
      const mended = await published({ [archivePath]: whole });
      assert.equal((await setUpTensorflow(mended)).status, 'installed');
    });

    it('an archive that could not be compiled against is kept for the next time', async () => {
      const first = await published({ [archivePath]: libtensorflow() });
      const failing = { ...first.env, CXX: compiler('exit 1') };
      await assert.rejects(setUpTensorflow({ ...first, env: failing }), /could not build/);
      await setUpTensorflow(first);
      assert.deepEqual(
        server?.requests.filter((path) => path === archivePath),
        [archivePath],
      );
    });
  });
});
