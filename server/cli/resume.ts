import { UserError } from '../errors.ts';
import { parametersToResume } from '../jobs/runParameters.ts';
import { listRuns, runFolder } from '../jobs/runs.ts';
import { findProject } from '../store/findProject.ts';
import { command } from './command.ts';
import { jsonFlag, projectFlag } from './flags.ts';
import { resumeInProject } from './trainProject.ts';

export const resume = command({
  name: 'resume',
  summary: 'go on with a run of a project that was stopped or interrupted',
  details: `
RUN is a name that \`palate runs\` prints; absent: the newest one that stands still. It goes on with the settings that it
began with, and ends as if it had never stopped.`,
  flags: { project: projectFlag, json: jsonFlag },
  operands: [],
  optionalOperands: ['RUN'],
  async run({ project }, [asked], console) {
    const folder = findProject(project ?? '.');
    const run = asked ?? (await newestStanding(folder));
    const { stage } = parametersToResume(runFolder(folder, run));
    return resumeInProject(console, folder, { run, stage });
  },
});

async function newestStanding(folder: string): Promise<string> {
  const found = (await listRuns(folder, () => false)).find(({ offered }) => offered);
  if (found) return found.id;
  throw new UserError('No run of this project stands still: `palate runs` lists them, `palate train` starts one.');
}
