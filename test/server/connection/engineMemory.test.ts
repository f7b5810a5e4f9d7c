import assert from 'node:assert/strict';
import { join } from 'node:path';
import { labelAll, longStages, quickStages, writeDemoProject } from '../../support/demoProject.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('what the engine has in memory', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  let server: ServerClient;
  before(async () => {
    server = await startServer({ program: builtServer() });
  });
  after(() => server.close());

  it('nothing while it does not run; in PPO one base, and four adapters on it', async () => {
    const stages = { ...quickStages, ppo: longStages.ppo };
    const project = writeDemoProject(join(temporary.path, 'project'), { stages });
    await labelAll(server, project);
    assert.equal(await server.call('engineMemory', {}), null);
    const job = await server.call('train', { project, stage: 'all' });
    const inPpo = ({ job: now }: { job: typeof job }) =>
      now.id === job.id && now.progress?.stage === 'ppo' && now.progress.done > 0;
    await server.tells('jobChanged', inPpo);
    const memory = await server.call('engineMemory', {});
    assert.ok(memory?.held);
    const { base, secondCopy, adapters, graphs } = memory.held;
    assert.ok(base.bytes > 3e6 && base.bytes < 5e6, `${base.bytes}`);
    assert.ok(memory.resident >= base.bytes + graphs);
    assert.ok(graphs > 1e6);
    assert.equal(secondCopy, 0);
    assert.deepEqual(adapters.map(({ role }) => role).sort(), ['critic', 'policy', 'reference', 'reward model']);
    const bytesOf = (role: string) => adapters.find((adapter) => adapter.role === role)?.bytes ?? 0;
    assert.equal(bytesOf('policy'), 4 * bytesOf('reference'));
    const { checks, needs } = await server.call('doctor', { project });
    const message = (name: string) => checks.find((check) => check.name === name)?.message ?? '';
    assert.match(message('Memory in use'), /the base .*tiny once, 3 MB, for all.*critic/);
    assert.match(message('Memory needed'), /^on onnx at most about: SFT \d+ MB|0\.\d GB/);
    assert.equal(needs?.length, 5);
    await server.call('stopJob', { job: job.id, forget: true });
    await server.jobEnds(job);
    const after = await server.call('engineMemory', {});
    assert.deepEqual(after?.held?.adapters, []);
  });
});
