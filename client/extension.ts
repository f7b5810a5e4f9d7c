import type { ExtensionContext } from 'vscode';
import type { Palate } from './palate.ts';

/** A user command: what it does, and what when something that it needs is not there. */
export interface Command {
  /** Loaded when it is first used: activation reads none of them. */
  readonly load: () => Promise<(palate: Palate, ...from: unknown[]) => Promise<void>>;
  /**
   * While the server is down. 'start': it is started, and why it can't be is said. 'without': it needs none, or says
   * itself what it could not do. 'refuse': there is nothing that it could be about.
   */
  readonly serverDown: 'start' | 'without' | 'refuse';
  /** In a workspace that is not trusted: only what reads and labels. */
  readonly untrusted: 'works' | 'refuse';
}

/** Every command of package.json by its id. */
export const commands: Readonly<Record<string, Command>> = {
  'palate.newProject': {
    load: async () => (await import('./commands/newProject.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.openExample': {
    load: async () => (await import('./commands/openExample.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.label': {
    load: async () => (await import('./commands/label.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.generate': {
    load: async () => (await import('./commands/generate.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.train': {
    load: async () => (await import('./commands/train.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.stop': {
    load: async () => (await import('./commands/stop.ts')).run,
    serverDown: 'refuse',
    untrusted: 'works',
  },
  'palate.resume': {
    load: async () => (await import('./commands/resume.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.scoreFile': {
    load: async () => (await import('./commands/scoreFile.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.scoreSelection': {
    load: async () => (await import('./commands/scoreSelection.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.toggleInlineScores': {
    load: async () => (await import('./commands/toggleInlineScores.ts')).run,
    serverDown: 'without',
    untrusted: 'works',
  },
  'palate.compareBeforeAfter': {
    load: async () => (await import('./commands/compareBeforeAfter.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.showTraining': {
    load: async () => (await import('./commands/showTraining.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.exportPreferences': {
    load: async () => (await import('./commands/exportPreferences.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.undo': {
    load: async () => (await import('./commands/undo.ts')).undo,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.redo': {
    load: async () => (await import('./commands/undo.ts')).redo,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.relabel': {
    load: async () => (await import('./commands/relabel.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.setAnnotator': {
    load: async () => (await import('./commands/setAnnotator.ts')).run,
    serverDown: 'without',
    untrusted: 'works',
  },
  'palate.addModel': {
    load: async () => (await import('./commands/addModel.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.chooseModel': {
    load: async () => (await import('./commands/chooseModel.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.deleteRun': {
    load: async () => (await import('./commands/deleteRun.ts')).run,
    serverDown: 'start',
    untrusted: 'works',
  },
  'palate.doctor': {
    load: async () => (await import('./commands/doctor.ts')).run,
    serverDown: 'without',
    untrusted: 'works',
  },
  'palate.setUpTensorflow': {
    load: async () => (await import('./commands/setUpTensorflow.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.installCuda': {
    load: async () => (await import('./commands/installCuda.ts')).run,
    serverDown: 'start',
    untrusted: 'refuse',
  },
  'palate.restartServer': {
    load: async () => (await import('./commands/restartServer.ts')).run,
    serverDown: 'without',
    untrusted: 'works',
  },
  'palate.showLog': {
    load: async () => (await import('./commands/showLog.ts')).run,
    serverDown: 'without',
    untrusted: 'works',
  },
};

let ending: (() => Promise<void>) | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const { start } = await import('./start.ts');
  ending = start(context, commands);
}

/** The editor waits for it, a few seconds at most: what trains is saved first. */
export async function deactivate(): Promise<void> {
  await ending?.();
}
