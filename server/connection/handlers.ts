import { isAbsolute, join } from 'node:path';
import { UserError } from '../errors.ts';
import { examine } from '../jobs/doctor.ts';
import { forecastTraining } from '../jobs/forecast.ts';
import { startGenerating } from '../jobs/generating.ts';
import type { JobHandle } from '../jobs/jobQueue.ts';
import { chooseModel, listModels } from '../jobs/models.ts';
import { type JobParts, modelsOf, runsHere } from '../jobs/openProject.ts';
import { readOutcome, startComparing } from '../jobs/outcome.ts';
import { deleteRun, listRuns, readRun, readRunSummary } from '../jobs/runs.ts';
import { startScoring } from '../jobs/scoringFile.ts';
import { noteEnding, resumeTraining, startTraining } from '../jobs/training.ts';
import { selectedRow } from '../language/selectedRow.ts';
import type { ClientHandlers } from '../protocol/client.ts';
import type { Job, ProjectFolder, ProjectInfo } from '../protocol/types.ts';
import { scoreText } from '../scores/scoreFile.ts';
import { labelHandlers } from './labelHandlers.ts';
import { libraryHandlers } from './libraryHandlers.ts';
import { requireTrust, type ServerState } from './serverState.ts';

/** What the server answers the editor: one function a method. */
export function createHandlers(state: ServerState): ClientHandlers {
  const { tensorflowState, setUpTensorflow, stopTensorflowSetup } = state.tensorflow;
  return {
    ...projectHandlers(state),
    ...labelHandlers(state),
    ...jobHandlers(state),
    ...runHandlers(state),
    tensorflowState,
    setUpTensorflow,
    stopTensorflowSetup,
    ...libraryHandlers(state),
  };
}

type Some<Names extends keyof ClientHandlers> = Pick<ClientHandlers, Names>;

function projectHandlers(
  state: ServerState,
): Some<'listProjects' | 'createProject' | 'createExample' | 'doctor' | 'engineMemory'> {
  const { projects, parts, engine, settings } = state;
  const infoOf = async (folder: ProjectFolder) =>
    (await projects.open(folder)).store.info({ withoutModel: !settings().trusted });
  return {
    async listProjects({ folders }) {
      const infos = await Promise.all(folders.map((folder) => infoOrProblem(folder, state)));
      return infos.filter((info) => info !== undefined);
    },
    async createProject({ folder, model }) {
      await parts.createProject(absolute(folder), model);
      return infoOf(folder);
    },
    async createExample({ folder }) {
      await parts.createExample(absolute(folder));
      return infoOf(folder);
    },
    async engineMemory() {
      if (engine.pid === undefined) return null;
      const { memory, held } = await engine.call('describe', {}, { priority: 'interactive' });
      return { resident: memory.resident, ...(held && { held }) };
    },
    async doctor({ project }) {
      if (project === undefined || !settings().trusted) return examine(engine);
      const { store, project: folder } = await projects.open(project);
      return examine(engine, { folder, store });
    },
  };
}

/** Undefined for a folder that is no project; a project that cannot be read is shown with the reason. */
async function infoOrProblem(folder: string, { projects, settings }: ServerState): Promise<ProjectInfo | undefined> {
  const own = join(absolute(folder), 'palate.json');
  if ((await projects.of(own)) !== join(own, '..')) return undefined;
  try {
    return await (await projects.open(folder)).store.info({ withoutModel: !settings().trusted });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const none = { prompts: 0, textResponses: 0, imageResponses: 0, textPreferences: 0, imagePreferences: 0 };
    return {
      folder,
      name: folder.split(/[\\/]/).at(-1) ?? folder,
      model: '',
      engine: 'onnx',
      problems: [error.message],
      newer: false,
      counts: { ...none, annotators: [] },
    };
  }
}

function jobHandlers(
  state: ServerState,
): Some<
  | 'generate'
  | 'forecastTraining'
  | 'train'
  | 'resumeRun'
  | 'stopJob'
  | 'listJobs'
  | 'scoreFile'
  | 'scoreText'
  | 'outcome'
> {
  const { queue, downloads, projects, settings, scorerOf } = state;
  /** Opens a project in which something is to be computed. */
  const trusted = (project: ProjectFolder): Promise<JobParts> => {
    requireTrust(settings());
    return projects.open(project);
  };
  const jobOf = ({ job }: JobHandle): Job => job;
  return {
    generate: async ({ project, ...request }) => jobOf(await startGenerating(await trusted(project), request)),
    forecastTraining: async ({ project, ...request }) => forecastTraining(await trusted(project), request),
    train: async ({ project, ...request }) => jobOf(await startTraining(await trusted(project), request)),
    resumeRun: async ({ project, run }) => jobOf(await resumeTraining(await trusted(project), run)),
    stopJob({ job: id, forget = false }) {
      const job = queue.find(id);
      if (!job && downloads.find(id)) return { stopping: downloads.stop(id) };
      if (!job) throw new UserError('That job has ended.');
      const ending = forget ? 'forgotten' : 'stopped';
      const { run, project, kind } = job;
      const note = () =>
        project !== undefined && run !== undefined && kind === 'train' && noteEnding(project, run, ending);
      const stopping = queue.stop(id, note);
      if (!stopping && forget) note();
      return { stopping };
    },
    listJobs: () => [...queue.list(), ...downloads.list()],
    async scoreFile({ project, file }) {
      const parts = await trusted(project);
      return jobOf(await startScoring(parts, await scorerOf(parts.project), file));
    },
    async scoreText({ project, text, within }) {
      const { project: folder } = await trusted(project);
      return scoreText(await scorerOf(folder), text, within && selectedRow(within));
    },
    outcome: async ({ project, ...request }) => jobOf(await startComparing(await trusted(project), request)),
  };
}

function runHandlers(
  state: ServerState,
): Some<'readOutcome' | 'listRuns' | 'readRun' | 'forgetRun' | 'deleteRun' | 'listModels' | 'chooseModel'> {
  const { projects, notifier } = state;
  return {
    readOutcome: async ({ project, run }) => readOutcome((await projects.open(project)).project, run),
    async listRuns({ project }) {
      const parts = await projects.open(project);
      return listRuns(parts.project, runsHere(parts));
    },
    async readRun({ project, run, fromMetric = 0, fromSample = 0 }) {
      const parts = await projects.open(project);
      return readRun(parts.project, run, { metric: fromMetric, sample: fromSample }, runsHere(parts));
    },
    async forgetRun({ project, run }) {
      const parts = await projects.open(project);
      await readRunSummary(parts.project, run, runsHere(parts));
      noteEnding(parts.project, run, 'forgotten');
      return null;
    },
    async deleteRun({ project, run }) {
      const parts = await projects.open(project);
      await deleteRun(parts.project, run, runsHere(parts));
      return null;
    },
    async listModels({ project }) {
      const parts = await projects.open(project);
      return listModels(modelsOf(parts, await parts.store.config()));
    },
    async chooseModel({ project, id }) {
      const parts = await projects.open(project);
      const role = await chooseModel(modelsOf(parts, await parts.store.config()), id);
      if (role === 'reward') state.rewardChanged(parts.project);
      else notifier.send('projectChanged', { project: parts.project }, parts.project);
      return null;
    },
  };
}

function absolute(folder: string): string {
  if (isAbsolute(folder)) return folder;
  throw new UserError(`${folder} is no absolute path: the editor names folders in full.`);
}
