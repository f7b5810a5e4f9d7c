import * as vscode from 'vscode';
import { Annotator } from './annotator.ts';
import { Server } from './connection/server.ts';
import type { Command } from './extension.ts';
import { offerInterrupted } from './interrupted.ts';
import { Jobs } from './jobs.ts';
import { registerLargeFiles } from './largeFiles.ts';
import { offerTensorflow } from './missingTensorflow.ts';
import type { Palate } from './palate.ts';
import { Panels } from './panels/panels.ts';
import { Projects } from './projects.ts';
import { registerReports } from './reports.ts';
import { t, useTranslation } from './translate.ts';
import { registerStatusBar } from './views/statusBar.ts';
import { Steps } from './views/steps.ts';
import { registerViews } from './views/views.ts';

/** Puts the parts together and looks for projects afterwards. Answers what ends it. */
export function start(
  context: vscode.ExtensionContext,
  commands: Readonly<Record<string, Command>>,
): () => Promise<void> {
  useTranslation((message, ...values) => vscode.l10n.t(message, ...values));
  const log = vscode.window.createOutputChannel('Palate', { log: true });
  const server = new Server(context.asAbsolutePath('out/server/main.js'), log);
  const palate: Palate = {
    context,
    log,
    server,
    projects: new Projects(server),
    annotator: new Annotator(),
    jobs: new Jobs(server),
    panels: new Panels(() => palate),
    steps: new Steps(),
  };
  context.subscriptions.push(
    log,
    server,
    palate.projects,
    palate.jobs,
    palate.panels,
    registerReports(),
    ...registerViews(palate),
    ...registerStatusBar(palate),
    ...registerSteps(palate),
    registerLargeFiles(palate),
    ...Object.entries(commands).map(([id, command]) =>
      vscode.commands.registerCommand(id, (...from: unknown[]) => runCommand(palate, id, command, from)),
    ),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('palate')) void server.tellSettings().catch((error) => log.warn(String(error)));
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(
      () => void server.tellSettings().catch((error) => log.warn(String(error))),
    ),
    server.onDidChangeState((state) => state === 'failed' && void sayFailure(palate)),
  );
  // Not waited for: activation is over once the commands answer.
  void begin(palate).catch((error) => log.error(String(error)));
  return () => server.stop();
}

async function begin(palate: Palate): Promise<void> {
  await palate.projects.refresh();
  const { globalState } = palate.context;
  const { openedExample } = await import('./commands/openExample.ts');
  const example = globalState.get<string>(openedExample);
  if (example !== undefined && palate.projects.get(example)) {
    await globalState.update(openedExample, undefined);
    await vscode.commands.executeCommand('palate.label', { project: example });
  }
  // Neither waits for the other's answer.
  await Promise.all([offerInterrupted(palate), offerTensorflow(palate)]);
}

async function runCommand(palate: Palate, id: string, command: Command, from: readonly unknown[]): Promise<void> {
  try {
    if (command.untrusted === 'refuse' && !vscode.workspace.isTrusted) return await offerTrust();
    if (command.serverDown === 'refuse' && palate.server.state !== 'running') {
      throw new Error(t("Palate's server is not running, so there is nothing to stop."));
    }
    if (command.serverDown === 'start') await palate.server.start();
    const run = await command.load();
    await run(palate, ...from);
  } catch (error) {
    await sayError(palate, id, error);
  }
}

async function offerTrust(): Promise<void> {
  const manage = t('Manage Workspace Trust');
  const message = t(
    'This workspace is not trusted: you can read and label, but nothing that starts a model. Trust it to go on.',
  );
  if ((await vscode.window.showWarningMessage(message, manage)) === manage) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}

async function sayError({ log }: Palate, id: string, error: unknown): Promise<void> {
  log.error(`${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const show = t('Show Log');
  const message = error instanceof Error ? error.message : String(error);
  if ((await vscode.window.showErrorMessage(message, show)) === show) log.show();
}

async function sayFailure({ log, server }: Palate): Promise<void> {
  const again = t('Restart Server');
  const show = t('Show Log');
  const answer = await vscode.window.showErrorMessage(server.failure, again, show);
  if (answer === again) await vscode.commands.executeCommand('palate.restartServer');
  if (answer === show) log.show();
}

/** What a person has come to without a command of ours that knows it. */
function registerSteps({ server, projects, jobs, steps, log }: Palate): vscode.Disposable[] {
  const look = async () => {
    const { list } = projects;
    if (list.length > 0) steps.done('project');
    if (list.some(({ counts }) => counts.annotators.some(({ decisions }) => decisions > 0))) steps.done('label');
    const models = await Promise.all(list.map(({ folder }) => server.request('listModels', { project: folder })));
    if (models.flat().some(({ kind, problem }) => kind === 'reward' && !problem)) steps.done('train');
  };
  const lookAgain = () => void look().catch((error) => log.warn(String(error)));
  return [
    steps,
    projects.onDidChange(lookAgain),
    jobs.onDidChange(({ kind, status }) => kind === 'train' && status === 'done' && lookAgain()),
    server.onDidShowScores(() => steps.done('scores')),
  ];
}
