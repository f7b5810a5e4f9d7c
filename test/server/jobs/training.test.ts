import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerNotifications } from '../../../server/protocol/client.ts';
import type { Job } from '../../../server/protocol/types.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { labelAll, writeDemoProject } from '../../support/demoProject.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('training through the server', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  let program = '';
  let server: ServerClient;
  let project = '';
  before(async () => {
    program = await bundleProgram('test/support/standInServer.ts');
    project = writeDemoProject(join(temporary.path, 'project'));
    server = await startServer({ program });
    assert.equal(await labelAll(server, project), 16);
  });
  after(() => server.close());

  const lines = (path: string) =>
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const about = (job: Job) =>
    server.told.filter((message) => message.name === 'jobChanged' && message.job.id === job.id);

  it('says beforehand what it will take', async () => {
    const forecast = await server.call('forecastTraining', { project, stage: 'all' });
    assert.deepEqual(forecast.problems, []);
    assert.equal(forecast.preferences, 16);
    assert.ok(forecast.memory.needed > 256e6 && forecast.memory.needed < 1e9, String(forecast.memory.needed));
    assert.equal(forecast.engines.find(({ name }) => name === 'onnx')?.ready, true);
    const ppo = await server.call('forecastTraining', { project, stage: 'ppo' });
    assert.match(ppo.problems.join(), /PPO needs a reward model/);
  });

  it('runs the whole pipeline, and tells how far it is', async () => {
    const job = await server.call('train', { project, stage: 'all' });
    assert.deepEqual([job.kind, job.title], ['train', 'Train: Whole pipeline']);
    const ended = await server.jobEnds(job);
    assert.equal(ended.status, 'done', ended.failure);
    assert.match(ended.summary ?? '', /Supervised fine-tuning, Reward model, PPO: done/);
    const seen = about(job).map((message) => (message as ServerNotifications['jobChanged']).job.progress);
    assert.deepEqual([...new Set(seen.flatMap((progress) => progress?.stage ?? []))], ['sft', 'reward', 'ppo']);
    assert.ok(seen.some((progress) => progress?.secondsLeft !== undefined));
    const folder = join(project, '.palate', 'runs', job.run ?? '');
    assert.equal(lines(join(folder, 'preferences.jsonl')).length, 16);
    for (const adapter of ['sft', 'reward', 'policy'])
      assert.ok(existsSync(join(folder, adapter, 'adapter_config.json')), adapter);
    assert.ok(!existsSync(join(project, '.palate', 'training.lock')));
    const [run] = await server.call('listRuns', { project });
    assert.deepEqual([run.id, run.status, run.runningIn, run.title], [job.run, 'done', 'nowhere', 'Whole pipeline']);
    assert.deepEqual(
      run.stages.map(({ stage, status }) => [stage, status]),
      [
        ['sft', 'done'],
        ['reward', 'done'],
        ['ppo', 'done'],
      ],
    );
  });
});
