import { basename } from 'node:path';
import {
  CodeActionKind,
  type Connection,
  type ServerCapabilities,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import { codeActions, executeCommand } from './actions.ts';
import { Disagreements } from './diagnostics.ts';
import { codeLenses, inlayHints, resolveHint, resolveLens } from './hints.ts';
import { hover } from './hover.ts';
import { IgnoredRows } from './ignored.ts';
import type { OpenFile } from './openFiles.ts';
import { LanguageSession, pathOf } from './session.ts';
import { ignoreCommand, type LanguageFeatureContext, type LanguageFeatures } from './types.ts';
import { megabytes } from './words.ts';

export type { LanguageFeatureContext, LanguageFeatures } from './types.ts';

const capabilities: Partial<ServerCapabilities> = {
  textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental },
  inlayHintProvider: { resolveProvider: true },
  codeLensProvider: { resolveProvider: true },
  hoverProvider: true,
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
  executeCommandProvider: { commands: [ignoreCommand] },
};

/**
 * Scores beside the text: hints, lenses, hovers, diagnostics and their fixes. Call once, before the connection listens; the
 * documents that the editor opens are kept here, and nowhere else.
 */
export function registerLanguageFeatures(connection: Connection, context: LanguageFeatureContext): LanguageFeatures {
  const ignored = new IgnoredRows();
  const disagreements = new Disagreements(connection, () => session, ignored);
  const session = new LanguageSession(connection, context, () => disagreements.update());

  connection.onDidOpenTextDocument(({ textDocument }) => {
    const file = session.files.open(textDocument);
    if (file.document === undefined) void offerWholeFile(connection, session, file);
    else disagreements.update();
  });
  connection.onDidChangeTextDocument((params) => {
    if (session.files.change(params)) disagreements.update();
  });
  connection.onDidCloseTextDocument(({ textDocument: { uri } }) => {
    session.files.close(uri);
    disagreements.closed(uri);
  });

  connection.languages.inlayHint.on((params) => inlayHints(session, params));
  connection.languages.inlayHint.resolve((hint) => resolveHint(session, hint));
  connection.onCodeLens((params) => codeLenses(session, params));
  connection.onCodeLensResolve((lens) => resolveLens(session, lens));
  connection.onHover((params) => hover(session, params));
  connection.onCodeAction((params) => codeActions(session, params));
  connection.onExecuteCommand((params) => executeCommand(session, ignored, params));

  return {
    capabilities,
    settingsChanged: () => session.refresh(),
    refresh: (project) => session.rewardModelChanged(project),
    close() {
      session.close();
      disagreements.close();
    },
  };
}

/** Says once that a file is too large to be read along, and offers what does work. */
async function offerWholeFile(connection: Connection, session: LanguageSession, file: OpenFile): Promise<void> {
  const path = pathOf(file.uri);
  const project = await session.projectOf(file.uri).catch(() => undefined);
  if (!project || !path || file.saidTooLarge) return;
  if ((await project.scorer.rewardModel().catch(() => undefined)) === undefined) return;
  file.saidTooLarge = true;
  const sentence = `${basename(path)} has ${megabytes(file.openedLength)}: too much to show scores in the editor.`;
  const { scoreFile } = session.context;
  if (!scoreFile) {
    connection.window.showInformationMessage(`${sentence} Run "Palate: Score File" to score all of it.`);
    return;
  }
  const action = { title: 'Score File' };
  const chosen = await connection.window.showInformationMessage(sentence, action).catch(() => undefined);
  if (chosen?.title === action.title) scoreFile(project.folder, path);
}
