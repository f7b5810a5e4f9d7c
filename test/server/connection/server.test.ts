import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientMethods } from '../../../server/connection/schemas.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { labelAll, longStages, writeDemoProject } from '../../support/demoProject.ts';
import { gone } from '../../support/gone.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const initialize = { processId: null, rootUri: null, capabilities: {}, initializationOptions: { trusted: true } };

describe('the language server', function () {
  this.timeout(180_000);
  const temporary = temporaryFolder();
  let program = '';
  let server: ServerClient;
  let project = '';
  before(async () => {
    program = builtServer();
    project = writeDemoProject(join(temporary.path, 'project'));
    server = await startServer({ program });
  });
  after(() => server.close());

  const ask = (method: string, params?: unknown) => server.connection.sendRequest(method, params);
  const alive = () => server.call('listProjects', { folders: [project] });

  it('knows its projects, and passes other folders over', async () => {
    const [info, ...others] = await server.call('listProjects', { folders: [temporary.path, project] });
    assert.deepEqual([info.name, info.model, info.counts.prompts, others.length], ['project', 'embedded', 16, 0]);
  });

  const refused: [method: string, params: unknown, sentence: RegExp][] = [
    ['palate/nothing', {}, /^Palate's server has no method "palate\/nothing"\.$/],
    ['nonsense', [1, 2], /has no method "nonsense"/],
    ['palate/listRuns', {}, /^palate\/listRuns: project is missing\.$/],
    ['palate/listRuns', [], /palate\/listRuns/],
    ['palate/listRuns', { project: 7 }, /^palate\/listRuns: project should be text, not 7\.$/],
    ['palate/listRuns', { project: '/x', more: 1 }, /^palate\/listRuns: there is no setting "more"/],
    ['palate/listRuns', { project: '/nowhere' }, /^\/nowhere is no Palate project: there is no palate\.json in it\.$/],
    ['palate/train', { project: '/x', stage: 'dpo' }, /stage should be "sft" or "reward" or "ppo" or "all", not "dpo"/],
    ['palate/decide', { project: '/x', annotator: 'a', decision: { comparison: 'c' } }, /decision\.shown is missing/],
    ['palate/nextComparisons', { project: '/x', annotator: '', count: 1, held: [] }, /annotator should be at least 1/],
    ['palate/nextComparisons', { project: '/x', annotator: 'a', count: -1, held: [] }, /count should be at least 0/],
    ['palate/createProject', { folder: 'relative' }, /no absolute path/],
    ['palate/readRun', { project: '/x', run: 'r', fromMetric: 1.5 }, /fromMetric should be a whole number/],
  ];
  for (const [method, params, sentence] of refused) {
    it(`answers ${method} ${JSON.stringify(params)} with an error`, async () => {
      await assert.rejects(ask(method, params), (error: Error) => sentence.test(error.message));
      await alive();
    });
  }

  it('answers every method without parameters, and with wrong ones', async () => {
    const takeNothing = [
      ...['listJobs', 'doctor', 'engineMemory', 'tensorflowState', 'stopTensorflowSetup', 'listLibrary'],
      ...['cudaState', 'installCuda'],
    ];
    for (const method of clientMethods.filter((name) => !takeNothing.includes(name))) {
      for (const params of [undefined, null, {}, [], { project: null, folder: 1, job: [], folders: 'all' }]) {
        await assert.rejects(ask(`palate/${method}`, params), /palate\//, `${method} ${JSON.stringify(params)}`);
      }
    }
    await alive();
  });

  it('survives bytes that are no message', async () => {
    const { stdin } = server.process;
    const write = (text: string) => stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    for (const text of [
      '{',
      '[]',
      'null',
      '"text"',
      '{"jsonrpc":"2.0"}',
      '{"id":1}',
      '{"jsonrpc":"2.0","id":[],"method":7}',
    ]) {
      write(text);
      await alive();
    }
    await server.connection.sendNotification('palate/nothing', { a: 1 });
    await alive();
  });

  it('hides a fault behind a sentence, and logs its stack', async () => {
    const faulty = await startServer({ program: await bundleProgram('test/support/faultyServer.ts') });
    const asked = faulty.call('prepareImage', { project, path: 'a.png' });
    await assert.rejects(asked, /^Error: Palate could not answer prepareImage: a fault of the server$/);
    await faulty.call('listRuns', { project });
    assert.ok(faulty.log.some((line) => /TypeError: a fault of the server\n +at /.test(line)));
    await faulty.close();
  });

  it('computes nothing in a workspace that is not trusted, and labels there', async () => {
    const untrusted = await startServer({ program, settings: { trusted: false } });
    const { comparisons } = await untrusted.call('nextComparisons', { project, annotator: 'a', count: 1, held: [] });
    assert.equal(comparisons.length, 1);
    // Its palate.json may name any path, of another machine too: nobody looks there.
    const stranger = writeDemoProject(join(temporary.path, 'stranger'));
    writeFileSync(join(stranger, 'palate.json'), '{ "version": 1, "model": "/nowhere/model.gguf" }');
    assert.deepEqual((await untrusted.call('listProjects', { folders: [stranger] }))[0].problems, []);
    assert.equal((await untrusted.call('listModels', { project: stranger }))[0].problem, undefined);
    const { checks } = await untrusted.call('doctor', { project: stranger });
    assert.ok(!checks.some(({ name }) => name === 'Base model' || name === 'palate.json'));
    assert.match(
      (await server.call('listProjects', { folders: [stranger] }))[0].problems.join(),
      /there is no \/nowhere/,
    );
    const run = 'r';
    const asked = [
      untrusted.call('train', { project, stage: 'all' }),
      untrusted.call('resumeRun', { project, run }),
      untrusted.call('generate', { project }),
      untrusted.call('scoreFile', { project, file: 'x.jsonl' }),
      untrusted.call('scoreText', { project, text: 'x' }),
      untrusted.call('outcome', { project }),
      untrusted.call('forecastTraining', { project, stage: 'all' }),
    ];
    for (const call of asked) await assert.rejects(call, /This workspace is not trusted/);
    // Settings that change count from then on.
    await untrusted.connection.sendNotification('workspace/didChangeConfiguration', { settings: { trusted: true } });
    await assert.rejects(untrusted.call('resumeRun', { project, run }), /There is no run r/);
    await untrusted.close();
  });

  it('loads no native runtime, and stays small', async function () {
    if (process.platform !== 'linux') skip(this, 'what a process has loaded is read from /proc, which Linux alone has');
    const small = await startServer({ program });
    await small.call('listJobs', {});
    for (const { process: child } of [small, server]) {
      const maps = readFileSync(`/proc/${child.pid}/maps`, 'utf8');
      assert.doesNotMatch(maps, /onnxruntime|tensorflow|tfjs|sharp|vips|\.node$/im);
      const kilobytes = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
      assert.ok(kilobytes < 200_000, `${kilobytes} kB`);
    }
    await small.close();
  });

  describe('ends with its editor', () => {
    let training: string;
    before(async () => {
      training = writeDemoProject(join(temporary.path, 'training'), { stages: longStages });
      assert.equal(await labelAll(server, training), 16);
    });
    const step = () => {
      const [run] = runsOf(training);
      return run?.stages[0].step ?? 0;
    };

    async function startTraining(): Promise<{ client: ServerClient; engine: number }> {
      const client = await startServer({ program });
      const [offered] = await client.call('listRuns', { project: training });
      const job = offered
        ? await client.call('resumeRun', { project: training, run: offered.id })
        : await client.call('train', { project: training, stage: 'sft' });
      await client.tells('jobChanged', (told) => told.job.id === job.id && told.job.progress?.what === 'training');
      const { checks } = await client.call('doctor', {});
      const engine = Number(/process (\d+)/.exec(checks.find(({ name }) => name === 'Engine')?.message ?? '')?.[1]);
      return { client, engine };
    }

    it('that shuts it down: the engine saves first', async () => {
      const { client, engine } = await startTraining();
      await client.close();
      await gone(engine);
      assert.equal(runsOf(training)[0].status, 'paused');
      assert.ok(step() >= 1);
      assert.ok(!existsSync(join(training, '.palate', 'training.lock')));
    });

    it('that closes its end', async () => {
      const before = step();
      const { client, engine } = await startTraining();
      const exited = once(client.process, 'exit');
      client.process.stdin?.end();
      await exited;
      await gone(engine);
      assert.equal(runsOf(training)[0].status, 'paused');
      assert.ok(step() > before);
    });

    it('that was killed, or itself: the engine saves alone, and the run is offered again', async () => {
      const before = step();
      const { client, engine } = await startTraining();
      await client.kill();
      await gone(engine);
      assert.ok(step() > before);
      assert.ok(existsSync(join(training, '.palate', 'training.lock')), 'nobody was there to release it');
      const [run] = await server.call('listRuns', { project: training });
      assert.deepEqual([run.status, run.runningIn, run.offered, run.interrupted], ['paused', 'nowhere', true, true]);
    });

    it('and goes on by itself where the settings say so', async () => {
      const client = await startServer({ program, settings: { onInterruptedRun: 'resume' } });
      await client.call('listProjects', { folders: [training] });
      const { job } = await client.tells('jobChanged', (told) => told.job.progress?.what === 'training');
      assert.equal(job.title, 'Train: Supervised fine-tuning');
      await client.call('stopJob', { job: job.id });
      await client.jobEnds(job);
      await client.close();
      // The person stopped it this time.
      const next = await startServer({ program, settings: { onInterruptedRun: 'resume' } });
      await next.call('listProjects', { folders: [training] });
      const [run] = await next.call('listRuns', { project: training });
      assert.deepEqual([run.status, run.interrupted, run.offered], ['paused', false, true]);
      assert.deepEqual(await next.call('listJobs', {}), []);
      await next.close();
    });

    it('over IPC, when its channel closes', async () => {
      const child = fork(program, ['--node-ipc'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
      child.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize });
      const [answer] = await once(child, 'message');
      assert.equal(answer.result.serverInfo.name, 'Palate');
      const exited = once(child, 'exit');
      child.disconnect();
      assert.deepEqual(await exited, [0, null]);
    });

    it('that its initialize named, when that process is gone', async () => {
      const editor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      const child = fork(program, ['--node-ipc'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
      child.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { ...initialize, processId: editor.pid } });
      await once(child, 'message');
      const exited = once(child, 'exit');
      editor.kill('SIGKILL');
      await exited;
    });
  });
});

/** The manifests of a project's runs. */
function runsOf(project: string): { status: string; stages: { step: number }[] }[] {
  const folder = join(project, '.palate', 'runs');
  const files = existsSync(folder) ? readdirSync(folder).map((run) => join(folder, run, 'manifest.json')) : [];
  return files.filter((file) => existsSync(file)).map((file) => JSON.parse(readFileSync(file, 'utf8')));
}
