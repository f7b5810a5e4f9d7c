import * as vscode from 'vscode';
import type { ProjectInfo, RunSummary, TrainingForecast } from '../../server/protocol/types.ts';
import { deviceSetting } from '../connection/settings.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import {
  deviceRows,
  engineRows,
  precisionRows,
  type Row,
  reviewRows,
  runRows,
  runToContinue,
  stageRows,
  type TrainChoice,
  trainRequest,
} from '../wording/trainChoices.ts';
import { targetOf } from './target.ts';

/** Which stage, then one look at what it will take, then the panel with its curves. Enter twice is enough. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const project = await palate.projects.choose(targetOf(palate, from).project);
  if (!project) return;
  const stage = await pick(t('Train: which stage?'), stageRows());
  if (!stage) return;
  const runs = await palate.server.request('listRuns', { project: project.folder });
  const goesOn = runToContinue(stage.value, runs);
  const device = deviceSetting();
  const first = { stage: stage.value, ...(device && { device }), ...(goesOn && { run: goesOn.id }) };
  const choice = await review(palate, project, runs, first);
  if (!choice) return;
  const job = palate.jobs.begun(await palate.server.request('train', trainRequest(project.folder, choice)));
  await palate.panels.training(project, job.run === undefined ? {} : { run: job.run, tab: 'curves' });
}

/** Undefined: the person left, or it can't start. */
async function review(
  palate: Palate,
  project: ProjectInfo,
  runs: readonly RunSummary[],
  first: TrainChoice,
): Promise<TrainChoice | undefined> {
  for (let choice = first; ; ) {
    const forecast = await foresee(palate, project, choice);
    const picked = await pick(t('Train: what it will take'), reviewRows(choice, forecast, runs));
    switch (picked?.value) {
      case 'start':
        return choice;
      case 'setUpTensorflow':
        await vscode.commands.executeCommand('palate.setUpTensorflow');
        break;
      case 'label':
        await vscode.commands.executeCommand('palate.label', { project: project.folder });
        return undefined;
      case undefined:
        return undefined;
      default:
        choice = await change(picked!.value, choice, forecast, runs);
    }
  }
}

async function change(
  what: 'engine' | 'precision' | 'device' | 'run' | 'none',
  choice: TrainChoice,
  forecast: TrainingForecast,
  runs: readonly RunSummary[],
): Promise<TrainChoice> {
  if (what === 'engine') {
    const engine = await pick(t('Train: with which engine?'), engineRows(forecast));
    return engine ? { ...choice, engine: engine.value } : choice;
  }
  if (what === 'precision') {
    const precision = await pick(t('Train: in which precision?'), precisionRows(forecast));
    return precision ? { ...choice, precision: precision.value } : choice;
  }
  if (what === 'device') {
    const device = await pick(t('Train: on which device?'), deviceRows(forecast));
    return device ? { ...choice, device: device.value } : choice;
  }
  if (what === 'run') {
    const picked = await pick(t('Train: in which run?'), runRows(choice, runs));
    if (!picked) return choice;
    const { run: _left, ...rest } = choice;
    return picked.value === undefined ? rest : { ...rest, run: picked.value };
  }
  return choice;
}

async function foresee(palate: Palate, project: ProjectInfo, choice: TrainChoice): Promise<TrainingForecast> {
  const asking = palate.server.request('forecastTraining', trainRequest(project.folder, choice));
  return await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: t('Palate: looking at what training will take') },
    () => asking,
  );
}

async function pick<Value>(title: string, rows: readonly Row<Value>[]): Promise<Row<Value> | undefined> {
  return await vscode.window.showQuickPick(rows, { title, ignoreFocusOut: true, matchOnDetail: true });
}
