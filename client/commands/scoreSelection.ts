import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { reward } from '../wording/amounts.ts';
import { scoreText } from '../wording/reports.ts';

/** Characters; more than any context holds. */
const longest = 200_000;

let decoration: vscode.TextEditorDecorationType | undefined;

/** The reward of what is selected: beside it until the text changes, and as a message for those who don't see it. */
export async function run(palate: Palate): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.selection.isEmpty) throw new Error(t('Select the text that you want to have scored.'));
  const { selection, document } = editor;
  const text = document.getText(selection);
  if (text.length > longest) {
    throw new Error(t('{0} characters are selected; at most {1} can be scored at once.', text.length, longest));
  }
  const project = palate.projects.of(document.uri) ?? (await palate.projects.choose());
  if (!project) return;
  const { version } = document;
  const score = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: t('Palate: scoring the selection') },
    () => palate.server.request('scoreText', { project: project.folder, text, ...withinRow(document, selection) }),
  );
  palate.steps.done('scores');
  if (document.version === version) show(editor, selection, reward(score.reward), scoreText(score));
  void vscode.window.showInformationMessage(scoreText(score));
}

/** Where the selection lies in a row of a data set, whose prompt then counts. */
function withinRow(document: vscode.TextDocument, selection: vscode.Selection) {
  if (!/\.(jsonl|ndjson)$/i.test(document.uri.path) || !selection.isSingleLine) return {};
  const line = document.lineAt(selection.start.line).text;
  return { within: { line, start: selection.start.character, end: selection.end.character } };
}

function show(editor: vscode.TextEditor, selection: vscode.Selection, short: string, long: string): void {
  decoration ??= vscode.window.createTextEditorDecorationType({
    after: {
      margin: '0 0 0 1em',
      color: new vscode.ThemeColor('editorInlayHint.foreground'),
      backgroundColor: new vscode.ThemeColor('editorInlayHint.background'),
    },
  });
  // A selection of whole lines ends in front of the next one.
  const text = editor.document.getText(selection);
  const end = editor.document.positionAt(editor.document.offsetAt(selection.start) + text.trimEnd().length);
  const range = new vscode.Range(end, end);
  const type = decoration;
  editor.setDecorations(type, [{ range, hoverMessage: long, renderOptions: { after: { contentText: ` ${short} ` } } }]);
  const listening = vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    if (document !== editor.document || contentChanges.length === 0) return;
    editor.setDecorations(type, []);
    listening.dispose();
  });
}
