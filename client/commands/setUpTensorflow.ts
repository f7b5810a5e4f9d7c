import * as vscode from 'vscode';
import type { TensorflowSetup } from '../../server/protocol/setup.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { type SetupSource, setupEnd, setupProgress, setupRows } from '../wording/tensorflow.ts';

/** What is installed and whether it works; then from where, with progress and cancel. What is not whole is not installed. */
export async function run(palate: Palate): Promise<void> {
  for (;;) {
    const source = await pickSource(palate);
    if (!source) return;
    try {
      const setup = await setUp(palate, source);
      void vscode.window.showInformationMessage(setupEnd(setup));
      return;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      palate.log.error(`palate.setUpTensorflow: ${message}`);
      const [other, log] = [t('Choose Another Source'), t('Show Log')];
      const answer = await vscode.window.showErrorMessage(message, other, log);
      if (answer === log) palate.log.show();
      if (answer !== other) return;
    }
  }
}

interface Chosen {
  readonly source: SetupSource;
  /** Absent: a download. */
  readonly from?: string;
}

async function pickSource(palate: Palate): Promise<Chosen | undefined> {
  const looking = palate.server.request('tensorflowState', { check: true });
  const title = t('Palate: checking what is installed of TensorFlow');
  const state = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () => looking);
  for (;;) {
    const picked = await vscode.window.showQuickPick(setupRows(state), {
      title: t('Set Up TensorFlow Engine: from where?'),
      ignoreFocusOut: true,
    });
    switch (picked?.value) {
      case undefined:
        return undefined;
      case 'none':
        continue;
      case 'download':
        return { source: 'download' };
      case 'given':
        return { source: 'given', from: state.given };
      default: {
        const from = await pickFile(picked!.value === 'folder');
        if (from !== undefined) return { source: picked!.value, from };
      }
    }
  }
}

async function pickFile(isFolder: boolean): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: !isFolder,
    canSelectFolders: isFolder,
    ...(!isFolder && { filters: { libtensorflow: ['whl', 'zip', 'gz', 'tgz'] } }),
    title: t('Set Up TensorFlow Engine: libtensorflow'),
    openLabel: t('Use This'),
  });
  return picked?.[0]?.fsPath;
}

async function setUp({ server, log }: Palate, { source, from }: Chosen): Promise<TensorflowSetup> {
  const title = t('Palate: setting up TensorFlow');
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return await vscode.window.withProgress(options, async (progress, token) => {
    let [share, said] = [0, 0];
    const listening = server.on('tensorflowSetup', (now) => {
      for (; said < now.said.length; said++) log.info(now.said[said]!);
      const next = setupProgress(now, source);
      progress.report({ message: next.message, increment: Math.max(0, (next.share - share) * 100) });
      share = Math.max(share, next.share);
    });
    const cancelling = token.onCancellationRequested(() => {
      progress.report({ message: t('cancelling') });
      void server.request('stopTensorflowSetup', {}).catch(() => undefined);
    });
    try {
      return await server.request('setUpTensorflow', { from: from ?? null });
    } finally {
      listening.dispose();
      cancelling.dispose();
    }
  });
}
