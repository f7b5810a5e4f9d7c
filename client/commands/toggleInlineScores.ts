import * as vscode from 'vscode';
import type { ServerSettings } from '../../server/protocol/client.ts';
import { saveInlineScores, serverSettings } from '../connection/settings.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';

const before = 'palate.inlineScoresBefore';

/** Off, and back to what it was. Says what it did, and what else would hide them. */
export async function run({ context }: Palate): Promise<void> {
  const now = serverSettings().inlineScores;
  if (now !== 'off') {
    await context.globalState.update(before, now);
    await saveInlineScores('off');
    void vscode.window.showInformationMessage(t('Inline scores are off; hovering a response still shows its score.'));
    return;
  }
  const wanted = context.globalState.get<ServerSettings['inlineScores']>(before) === 'codeLens' ? 'codeLens' : 'inlay';
  await saveInlineScores(wanted);
  const hidden = hiddenBy(wanted);
  if (hidden === undefined) {
    const how =
      wanted === 'inlay'
        ? t('Inline scores are on: they stand before the values.')
        : t('Inline scores are on: they stand above the rows.');
    void vscode.window.showInformationMessage(how);
    return;
  }
  const open = t('Open Settings');
  const message = t('Inline scores are on, but the setting {0} of the editor hides them.', hidden);
  if ((await vscode.window.showWarningMessage(message, open)) === open) {
    await vscode.commands.executeCommand('workbench.action.openSettings', hidden);
  }
}

/** The editor's own setting that keeps them from being seen. */
function hiddenBy(wanted: 'inlay' | 'codeLens'): string | undefined {
  const editor = vscode.workspace.getConfiguration('editor', { languageId: 'jsonl' });
  if (wanted === 'inlay') return editor.get('inlayHints.enabled') === 'off' ? 'editor.inlayHints.enabled' : undefined;
  return editor.get('codeLens') === false ? 'editor.codeLens' : undefined;
}
