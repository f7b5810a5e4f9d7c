import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeCompiler, libtensorflowFiles, wheelOf } from '../../support/fakeTensorflow.ts';
import { nativeTensorflow } from '../../support/native.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the set-up of TensorFlow from an editor', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  let wheel: string;
  let server: ServerClient | undefined;
  let count = 0;

  before(function () {
    if (process.platform === 'win32') skip(this, 'the stand-ins for a compiler are shell scripts');
    wheel = temporary.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  async function start(body: string, settings = {}) {
    const home = join(temporary.path, `home-${++count}`);
    const CXX = fakeCompiler(join(temporary.path, `cxx-${count}`), body);
    const env = { ...process.env, PALATE_HOME: home, PALATE_LIBTENSORFLOW: wheel, CXX };
    server = await startServer({ program: builtServer(), env, settings });
    const folder = join(home, 'tensorflow');
    return {
      server,
      left: () => (existsSync(folder) ? readdirSync(folder).filter((name) => name !== 'compile.log') : []),
    };
  }

  it('says that nothing is there, and what PALATE_LIBTENSORFLOW names', async () => {
    const { server } = await start('exit 1');
    const { installed, given, problem } = await server.call('tensorflowState', { check: true });
    assert.deepEqual([installed, given, problem], [undefined, wheel, undefined]);
  });

  it('a compiler that fails: its sentence, and nothing is installed', async () => {
    const { server, left } = await start('echo "x.cc:1: error: no such thing" >&2; exit 1');
    await assert.rejects(server.call('setUpTensorflow', { from: wheel }), (error: Error) =>
      /could not build tfjs-node's binding .*no such thing.*compile\.log/.test(error.message),
    );
    assert.deepEqual(left(), []);
    await assert.rejects(server.call('setUpTensorflow', { from: '/nowhere.whl' }), /There is no \/nowhere\.whl/);
  });

  it('a binding that does not load is not installed', async () => {
    const { server, left } = await start('echo binding > "$out"');
    await assert.rejects(server.call('setUpTensorflow', { from: wheel }), /native part .* does not work/);
    assert.deepEqual(left(), []);
  });

  it('while it compiles the server answers; a second one is refused; cancelling leaves nothing', async () => {
    const { server, left } = await start('exec sleep 600');
    const setUp = server.call('setUpTensorflow', { from: wheel });
    await server.tells('tensorflowSetup', ({ stage }) => stage === 'compile');
    assert.deepEqual(await server.call('listJobs', {}), []);
    await assert.rejects(server.call('setUpTensorflow', { from: wheel }), /is being set up already/);
    assert.deepEqual(await server.call('stopTensorflowSetup', {}), { stopping: true });
    assert.deepEqual(await setUp, { status: 'stopped' });
    assert.deepEqual(left(), []);
    assert.deepEqual(await server.call('stopTensorflowSetup', {}), { stopping: false });
  });

  it('is refused in a workspace that is not trusted', async () => {
    const { server } = await start('exit 1', { trusted: false });
    await assert.rejects(server.call('setUpTensorflow', { from: wheel }), /workspace is not trusted/);
  });

  it('what is installed on this machine is checked', async function () {
    const { libtensorflow } = nativeTensorflow(this);
    server = await startServer({ program: builtServer() });
    const state = await server.call('tensorflowState', { check: true });
    assert.deepEqual([state.installed?.libtensorflow, state.problem], [libtensorflow, undefined]);
    assert.match(state.device ?? '', /^[cg]pu$/);
    const setup = await server.call('setUpTensorflow', { from: null });
    assert.equal(setup.status, 'present');
  });
});
