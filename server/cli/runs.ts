import { duration } from '../demo/progress.ts';
import { listRuns } from '../jobs/runs.ts';
import type { RunSummary } from '../protocol/types.ts';
import { findProject } from '../store/findProject.ts';
import { command } from './command.ts';
import { jsonFlag, projectFlag } from './flags.ts';

export const runs = command({
  name: 'runs',
  summary: "the runs of a project, newest first, those of the editor's included",
  details: `
--json: a line a run, with what its files say: {id, title, status, runningIn, stages: [{stage, status, step, …}], …}.`,
  flags: { project: projectFlag, json: jsonFlag },
  operands: [],
  async run({ project }, _, console) {
    const found = await listRuns(findProject(project ?? '.'), () => false);
    if (console.json) for (const run of found) console.resultJson(run);
    else if (found.length === 0) console.result('There are no runs yet: `palate train` starts one.');
    else console.result(found.map(runText).join('\n'));
    return 0;
  },
});

function runText({ id, title, status, failure, runningIn, stages }: RunSummary): string {
  const where = runningIn === 'elsewhere' ? ' in another process' : '';
  const lines = stages.map(({ stage, status: state, step, steps, seconds }) => {
    const of = steps > 0 ? ` of ${steps}` : '';
    return `    ${stage}: ${state}, ${step}${of} steps, ${duration(seconds)}`;
  });
  return [`${id}  ${title}: ${status}${where}`, ...(failure ? [`    ${failure}`] : []), ...lines].join('\n');
}
