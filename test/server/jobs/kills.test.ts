import assert from 'node:assert/strict';
import { join } from 'node:path';
import { killWhileWorking } from '../../../scripts/proofs/support/kills.ts';
import { labelAll, writeDemoProject } from '../../support/demoProject.ts';
import { builtServer } from '../../support/programs.ts';
import { startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('killed at random moments of labelling and training', function () {
  this.timeout(300_000);
  const temporary = temporaryFolder();

  it('no label is lost, the project stays readable, and the training goes on to its end', async () => {
    const program = builtServer();
    const project = writeDemoProject(join(temporary.path, 'project'));
    const server = await startServer({ program });
    await labelAll(server, project, 'bob');
    await server.close();
    writeDemoProject(project, { prompts: 400 });
    const result = await killWhileWorking({ program, project, kills: 10 });
    const { serverKills, engineKills, labels, finishedRuns, ...wrong } = result;
    assert.equal(serverKills + engineKills, 10);
    assert.ok(serverKills > 0 && engineKills > 0 && labels > 5 && finishedRuns > 0, JSON.stringify(result));
    assert.deepEqual(wrong, { lostLabels: 0, unreadable: 0, stuck: 0, orphans: 0 });
  });
});
