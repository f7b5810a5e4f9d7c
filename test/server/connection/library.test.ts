import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Job } from '../../../server/protocol/types.ts';
import { writeDemoProject } from '../../support/demoProject.ts';
import { goldenModel, realModelHub, stall } from '../../support/hubSuite.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';

describe('the models of a person, asked of the server', function () {
  this.timeout(60_000);
  const own = realModelHub();
  let server: ServerClient;
  // A token of the person who tests must not count.
  const environment = () => ({ ...process.env, HF_TOKEN: undefined, ...own.env });
  before(async () => {
    server = await startServer({ program: builtServer(), env: environment() });
  });
  after(() => server?.close());

  const add = (model: string) => server.call('addModel', { model });
  async function begin(model: string): Promise<Job> {
    const answer = await add(model);
    assert.ok('job' in answer, JSON.stringify(answer));
    return answer.job;
  }

  it('a path is checked, remembered and listed; nothing is asked of the hub', async () => {
    const answer = await add(goldenModel);
    assert.ok('model' in answer);
    const { name, source, family, parameters, problem } = answer.model;
    assert.deepEqual([name, source, family, parameters, problem], ['tied', 'added', 'llama', 17_568, undefined]);
    const listed = await server.call('listLibrary', {});
    assert.deepEqual(
      listed.map((model) => model.name),
      ['embedded', 'tied'],
    );
    await assert.rejects(add(join(goldenModel, 'adapter')), /is an adapter, not a model/);
    await assert.rejects(add('/nowhere/at/all'), /There is no \/nowhere\/at\/all\./);
    assert.deepEqual(own.hub.asked, []);
  });

  it('a download is a job that is told, once for all who ask, and stopped; then it goes on', async () => {
    const weights = own.hub.repositories['org/name'].files['model.safetensors'];
    own.hub.cdn['model.safetensors'] = stall(weights, 20_000);
    const job = await begin('org/name');
    assert.deepEqual([job.kind, job.project, job.title], ['download', undefined, 'Download org/name']);
    const { job: told } = await server.tells('jobChanged', ({ job: { id, progress } }) => {
      return id === job.id && progress?.unit === 'bytes';
    });
    assert.ok(told.progress!.total > weights.length && told.progress!.done > 0);
    assert.equal((await begin('org/name')).id, job.id);
    assert.ok((await server.call('listJobs', {})).some(({ id }) => id === job.id));
    assert.deepEqual(await server.call('stopJob', { job: job.id }), { stopping: true });
    assert.equal((await server.jobEnds(job)).status, 'stopped');
    delete own.hub.cdn['model.safetensors'];
    const again = await server.jobEnds(await begin('org/name'));
    assert.equal(again.status, 'done', again.failure);
    const requests = own.hub.asked.length;
    const answer = await add('org/name');
    assert.ok('model' in answer && answer.model.path === again.output);
    assert.equal(own.hub.asked.length, requests);
  });

  it('a download that fails says why', async () => {
    const { status, failure } = await server.jobEnds(await begin('org/absent'));
    assert.equal(status, 'failed');
    assert.match(failure ?? '', /has no model org\/absent/);
  });

  it('stands for the model of a project, and one that is not there is said', async () => {
    const project = writeDemoProject(join(own.temporary.path, 'project'), { model: 'org/name' });
    const [base] = await server.call('listModels', { project });
    assert.deepEqual([base.id, base.kind, base.active, base.problem], ['org/name', 'base', true, undefined]);
    const other = writeDemoProject(join(own.temporary.path, 'other'), { model: 'org/never' });
    const [{ problems }] = await server.call('listProjects', { folders: [other] });
    assert.match(
      problems[0],
      /^palate\.json: model is "org\/never", but there is neither .*palate model add org\/never/,
    );
  });

  it('is refused in a workspace that is not trusted', async () => {
    const careful = await startServer({ program: builtServer(), env: environment(), settings: { trusted: false } });
    const requests = own.hub.asked.length;
    await assert.rejects(careful.call('addModel', { model: 'org/other' }), /not trusted/);
    assert.equal(own.hub.asked.length, requests);
    await careful.close();
  });
});
