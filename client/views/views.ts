import * as vscode from 'vscode';
import type { ProjectInfo } from '../../server/protocol/types.ts';
import type { Palate } from '../palate.ts';
import { memoryRows } from '../wording/memory.ts';
import { modelRows, queueRows, type Row, runRows } from '../wording/trees.ts';
import { EngineMemoryReader } from './engineMemory.ts';
import { RowTree } from './rowTree.ts';

/** Comparisons that the queue lists; the rest is a number. */
const listed = 100;

/** The three views, and what makes each read again. */
export function registerViews(palate: Palate): vscode.Disposable[] {
  const { server, projects, jobs } = palate;
  const queue = new RowTree(palate, (project) => readQueue(palate, project));
  const runs = new RowTree(palate, (project) => readRuns(palate, project));
  const memory = new EngineMemoryReader(server);
  const models = new RowTree(palate, (project) => readModels(palate, memory, project));
  const all = [queue, runs, models];
  const refresh = (trees: readonly RowTree[]) => () => {
    for (const tree of trees) tree.refresh();
  };
  return [
    ...all,
    vscode.window.registerTreeDataProvider('palate.queue', queue),
    vscode.window.registerTreeDataProvider('palate.runs', runs),
    vscode.window.registerTreeDataProvider('palate.models', models),
    projects.onDidChange(refresh(all)),
    server.onDidChangeState(refresh(all)),
    server.on('feedbackChanged', refresh([queue])),
    server.on('runChanged', refresh([runs])),
    server.on('scoresChanged', refresh([models])),
    jobs.onDidChange((job) => {
      const seen = job.status !== 'running' ? all : memory.mayHaveChanged(job) ? [runs, models] : [runs];
      refresh(seen)();
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('palate.annotator')) queue.refresh();
    }),
  ];
}

async function readQueue(palate: Palate, project: ProjectInfo): Promise<readonly Row[]> {
  // Before the first comparison nobody has a name; the queue is then that of somebody who has decided nothing.
  const annotator = palate.annotator.name ?? 'nobody';
  const queue = await palate.server.request('nextComparisons', {
    project: project.folder,
    annotator,
    count: listed,
    held: [],
  });
  await vscode.commands.executeCommand('setContext', 'palate.queueState', queue.empty ?? 'some');
  // An empty view says what to do next.
  if (palate.projects.list.length === 1 && (queue.empty === 'noPrompts' || queue.empty === 'noResponses')) return [];
  return queueRows(project, queue, annotator);
}

async function readRuns(palate: Palate, { folder }: ProjectInfo): Promise<readonly Row[]> {
  return runRows(folder, await palate.server.request('listRuns', { project: folder }));
}

async function readModels(
  palate: Palate,
  memory: EngineMemoryReader,
  { folder }: ProjectInfo,
): Promise<readonly Row[]> {
  const [models, held] = await Promise.all([palate.server.request('listModels', { project: folder }), memory.read()]);
  return [...memoryRows(folder, held), ...modelRows(folder, models)];
}
