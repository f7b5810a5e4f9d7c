import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeRunLock } from '../../../server/engine/run/lock.ts';
import type { ServerNotifications } from '../../../server/protocol/client.ts';
import type { Job, MetricsPoint } from '../../../server/protocol/types.ts';
import { labelAll, longStages, writeDemoProject } from '../../support/demoProject.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Resolves once a training has taken its first steps of a stage. */
const steps = (server: ServerClient, { id }: Job, stage: string, done = 1) =>
  server.tells(
    'jobChanged',
    ({ job }) => job.id === id && job.progress?.stage === stage && job.progress.total > 0 && job.progress.done >= done,
  );

describe('training through the server', function () {
  this.timeout(180_000);
  const temporary = temporaryFolder();
  let program = '';
  let server: ServerClient;
  let project = '';
  before(async () => {
    program = builtServer();
    project = writeDemoProject(join(temporary.path, 'project'));
    server = await startServer({ program });
    assert.equal(await labelAll(server, project), 16);
  });
  after(() => server.close());

  const changesOf = (job: Job) =>
    server.told
      .filter((message) => message.name === 'jobChanged' && message.job.id === job.id)
      .map((message) => message as ServerNotifications['jobChanged'] & { at: number });

  it('says beforehand what it will take', async () => {
    const forecast = await server.call('forecastTraining', { project, stage: 'all' });
    assert.deepEqual(forecast.problems, []);
    assert.equal(forecast.preferences, 16);
    assert.ok(forecast.memory.needed > 150e6 && forecast.memory.needed < 500e6, String(forecast.memory.needed));
    assert.equal(forecast.engines.find(({ name }) => name === 'onnx')?.ready, true);
    assert.equal(forecast.precision, 'float32');
    const bytes = await server.call('forecastTraining', { project, stage: 'sft', precision: 'int8-base' });
    assert.deepEqual([bytes.precision, bytes.problems], ['int8-base', []]);
    const refused = { project, stage: 'sft', precision: 'int8-base', engine: 'tensorflow' } as const;
    assert.match((await server.call('forecastTraining', refused)).problems.join(), /int8-base is for the engine onnx/);
    await assert.rejects(server.call('train', refused), /int8-base is for the engine onnx|native part/);
    const ppo = await server.call('forecastTraining', { project, stage: 'ppo' });
    assert.match(ppo.problems.join(), /PPO needs a reward model/);
  });

  let first: Job;
  it('runs the whole pipeline, and tells how far it is', async () => {
    first = await server.call('train', { project, stage: 'all' });
    assert.deepEqual([first.kind, first.title], ['train', 'Train: Whole pipeline']);
    const ended = await server.jobEnds(first);
    assert.equal(ended.status, 'done', ended.failure);
    assert.match(ended.summary ?? '', /Supervised fine-tuning, Reward model, PPO: done/);
    const seen = changesOf(first);
    const stages = seen.flatMap(({ job }) => job.progress?.stage ?? []);
    // In their order; one that is over within 200 ms may pass between two changes.
    const inOrder = (['sft', 'reward', 'ppo'] as const).filter((stage) => stage === 'ppo' || stages.includes(stage));
    assert.deepEqual([...new Set(stages)], inOrder);
    assert.ok(inOrder.length > 1);
    assert.ok(seen.some(({ job }) => job.progress?.secondsLeft !== undefined));
    const gaps = seen.slice(1).map(({ at }, k) => at - seen[k].at);
    assert.ok(gaps.filter((gap) => gap < 200).length <= 1, `changes came ${gaps.map(Math.round)} ms apart`);
    const folder = join(project, '.palate', 'runs', first.run ?? '');
    assert.equal(lines(join(folder, 'preferences.jsonl')).length, 16);
    for (const adapter of ['sft', 'reward', 'policy'])
      assert.ok(existsSync(join(folder, adapter, 'adapter_config.json')), adapter);
    assert.ok(!existsSync(join(project, '.palate', 'training.lock')));
  });

  it('reads the run from its files', async () => {
    const [run] = await server.call('listRuns', { project });
    assert.deepEqual([run.id, run.status, run.runningIn, run.title], [first.run, 'done', 'nowhere', 'Whole pipeline']);
    assert.equal(run.base, 'embedded');
    assert.deepEqual(
      run.stages.map(({ stage, status }) => [stage, status]),
      ['sft', 'reward', 'ppo'].map((stage) => [stage, 'done']),
    );
    const metrics: MetricsPoint[] = [];
    const whole = await server.call('readRun', { project, run: run.id });
    metrics.push(...whole.metrics);
    assert.equal(metrics.length, lines(join(run.folder, 'metrics.jsonl')).length);
    assert.ok(metrics.some(({ stage, metrics: values }) => stage === 'ppo' && 'objective/kl' in values));
    assert.ok(whole.samples.length > 0 && whole.samples.every(({ prompt }) => prompt.length > 0));
    const { nextMetric, nextSample } = whole;
    const again = await server.call('readRun', {
      project,
      run: run.id,
      fromMetric: nextMetric,
      fromSample: nextSample,
    });
    assert.deepEqual([again.metrics, again.samples, again.nextMetric], [[], [], nextMetric]);
    await assert.rejects(server.call('readRun', { project, run: 'other' }), /There is no run other/);
    await assert.rejects(server.call('readRun', { project, run: '../../etc' }), /is not the name of a run/);
  });

  it('has models, of which the newest are active until others are chosen', async () => {
    const models = await server.call('listModels', { project });
    const active = (list: typeof models) => list.filter((model) => model.active).map(({ id }) => id);
    const ids = ['policy', 'reward', 'sft'].map((name) => `${first.run}/${name}`);
    assert.deepEqual(
      models.map(({ id }) => id),
      ['embedded', ...ids],
    );
    assert.deepEqual(active(models), ids.slice(0, 2));
    await server.call('chooseModel', { project, id: 'embedded' });
    assert.deepEqual(active(await server.call('listModels', { project })), ['embedded', ids[1]]);
    await assert.rejects(server.call('chooseModel', { project, id: 'nothing' }), /There is no model "nothing"/);
    await server.call('chooseModel', { project, id: ids[0] });
  });

  it('scores a text and a file with the reward model', async () => {
    const { reward } = await server.call('scoreText', { project, text: 'How was it? It was lovely.' });
    assert.ok(Number.isFinite(reward));
    const file = join(project, 'responses', 'all.jsonl');
    const job = await server.call('scoreFile', { project, file });
    const { status, output, failure } = await server.jobEnds(job);
    assert.equal(status, 'done', failure);
    assert.equal(output, join(project, 'responses', 'all.scores.jsonl'));
    assert.deepEqual(
      lines(output).map(({ row }) => row),
      lines(file).map((_, row) => row),
    );
  });

  it('generates, and keeps what is done when it is stopped', async () => {
    const { counts } = (await server.call('listProjects', { folders: [project, temporary.path] }))[0];
    const job = await server.call('generate', { project, limit: 3 });
    const ended = await server.jobEnds(job);
    assert.equal(ended.status, 'done', ended.failure);
    assert.match(ended.summary ?? '', /^\d+ responses? to 3 prompts in responses\/\d{4}-\d\d-\d\d\.jsonl/);
    const long = await server.call('generate', { project, samples: 16, maxNewTokens: 200 });
    await server.tells('jobChanged', ({ job: { id, progress } }) => id === long.id && (progress?.done ?? 0) > 24);
    await server.call('stopJob', { job: long.id });
    assert.equal((await server.jobEnds(long)).status, 'stopped');
    const after = (await server.call('listProjects', { folders: [project] }))[0].counts;
    assert.ok(after.textResponses > counts.textResponses + 16, `${counts.textResponses} → ${after.textResponses}`);
    assert.ok(after.textResponses < counts.textResponses + 16 * 16);
  });

  it('compares before and after with the run’s reward model', async () => {
    assert.equal(await server.call('readOutcome', { project, run: first.run ?? '' }), null);
    const job = await server.call('outcome', { project, prompts: 6 });
    const ended = await server.jobEnds(job);
    assert.equal(ended.status, 'done', ended.failure);
    const outcome = await server.call('readOutcome', { project, run: first.run ?? '' });
    assert.deepEqual([outcome?.run, outcome?.beforeModel, outcome?.rows.length], [first.run, 'sft', 6]);
    assert.ok(
      outcome?.rows.every(({ before, after }) => Number.isFinite(before.reward) && Number.isFinite(after.reward)),
    );
    const mean = (outcome?.rows ?? []).reduce((sum, { after }) => sum + (after.reward ?? 0), 0) / 6;
    assert.ok(Math.abs(mean - (outcome?.rewardAfter ?? 0)) < 1e-9);
  });

  it('trains PPO again from the reward model that is shown, in a run of its own', async () => {
    const job = await server.call('train', { project, stage: 'ppo' });
    const ended = await server.jobEnds(job);
    assert.equal(ended.status, 'done', ended.failure);
    assert.notEqual(job.run, first.run);
    const adapter = (run: string | undefined) =>
      readFileSync(join(project, '.palate', 'runs', run ?? '', 'reward', 'adapter_model.safetensors'));
    assert.ok(adapter(job.run).equals(adapter(first.run)));
    const again = server.call('train', { project, stage: 'ppo', run: job.run });
    await assert.rejects(again, /has a stage ppo already \(done\)\. Start a new run instead/);
  });

  it('deletes a run', async () => {
    await server.call('deleteRun', { project, run: first.run ?? '' });
    assert.ok(!existsSync(join(project, '.palate', 'runs', first.run ?? '')));
    await assert.rejects(server.call('deleteRun', { project, run: first.run ?? '' }), /There is no run/);
  });

  it('tells a crash of the engine in a sentence; the run goes on in a new one', async () => {
    writeFileSync(join(project, 'palate.json'), JSON.stringify({ version: 1, stages: longStages }));
    const job = await server.call('train', { project, stage: 'all' });
    await steps(server, job, 'sft', 2);
    const { pid } = await enginePid(server);
    process.kill(pid, 'SIGKILL');
    const ended = await server.jobEnds(job);
    assert.equal(ended.status, 'failed');
    assert.match(ended.failure ?? '', /^The engine was killed.*resume the run to go on from it\.$/);
    const [run] = await server.call('listRuns', { project });
    assert.deepEqual([run.id, run.status, run.runningIn, run.offered], [job.run, 'paused', 'nowhere', true]);
    const resumed = await server.call('resumeRun', { project, run: run.id });
    await steps(server, resumed, 'sft', 2);
    await server.call('stopJob', { job: resumed.id });
    assert.equal((await server.jobEnds(resumed)).status, 'paused');
  });

  it('waits for an interrupted engine that still saves', async () => {
    const [{ id: run, folder }] = await server.call('listRuns', { project });
    // As an engine whose server was killed: it holds the run until its step is done.
    const lock = takeRunLock(folder);
    assert.deepEqual((await server.call('listRuns', { project }))[0].runningIn, 'elsewhere');
    const job = await server.call('resumeRun', { project, run });
    await server.tells('jobChanged', (told) => told.job.id === job.id && /to save/.test(told.job.progress?.what ?? ''));
    lock.release();
    await steps(server, job, 'sft', 2);
    await server.call('stopJob', { job: job.id });
    assert.equal((await server.jobEnds(job)).status, 'paused');
  });

  it('stops, forgets, and goes on where it stood', async () => {
    const [{ id: run, folder }] = await server.call('listRuns', { project });
    const step = () => JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')).stages[0].step;
    const before = step();
    assert.ok(before >= 2);
    const job = await server.call('resumeRun', { project, run });
    const [listed] = await server.call('listRuns', { project });
    assert.deepEqual([listed.status, listed.runningIn], ['running', 'here']);
    await assert.rejects(server.call('train', { project, stage: 'sft' }), /being trained already/);
    await assert.rejects(server.call('deleteRun', { project, run }), /is under way/);
    await steps(server, job, 'sft', before + 1);
    await server.call('stopJob', { job: job.id, forget: true });
    assert.equal((await server.jobEnds(job)).status, 'paused');
    assert.ok(step() > before);
    const [forgotten] = await server.call('listRuns', { project });
    assert.deepEqual([forgotten.status, forgotten.offered, forgotten.interrupted], ['paused', false, false]);
    await assert.rejects(server.call('stopJob', { job: 'nothing' }), /has ended/);
  });
});

async function enginePid(server: ServerClient): Promise<{ pid: number }> {
  const { checks } = await server.call('doctor', {});
  const pid = Number(/process (\d+)/.exec(checks.find(({ name }) => name === 'Engine')?.message ?? '')?.[1]);
  assert.ok(pid > 0);
  return { pid };
}
