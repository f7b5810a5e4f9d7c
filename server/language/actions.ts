import {
  type CodeAction,
  CodeActionKind,
  type CodeActionParams,
  type Diagnostic,
  type ExecuteCommandParams,
} from 'vscode-languageserver/node';
import type { CompletionRow, Response } from '../protocol/types.ts';
import { contentKey } from '../scores/contentKey.ts';
import type { IgnoredRows } from './ignored.ts';
import type { PlacedRow } from './rowDocument.ts';
import { textsOf } from './rowScan.ts';
import type { LanguageSession } from './session.ts';
import { swapResponses } from './swap.ts';
import {
  type DisagreementData,
  diagnosticSource,
  disagreementCode,
  ignoreCommand,
  type LanguageProject,
  type RelabelArguments,
  relabelCommand,
} from './types.ts';

/** What to do about a disagreement: swap the two, label the comparison again, or hear no more of it. */
export async function codeActions(session: LanguageSession, params: CodeActionParams): Promise<CodeAction[]> {
  const { uri } = params.textDocument;
  const document = session.files.get(uri)?.document;
  const diagnostics = params.context.diagnostics.filter(isDisagreement);
  if (!document || diagnostics.length === 0) return [];
  const project = await session.projectOf(uri);
  if (!project) return [];
  const actions: CodeAction[] = [];
  for (const diagnostic of diagnostics) {
    const { line } = diagnostic.range.start;
    for (const placed of document.rows(line, line)) {
      const keys = placed.row.pair;
      const { start, end } = placed.range({ start: 0, end: placed.row.text.length });
      if (!keys || line < start.line || line > end.line) continue;
      actions.push(...(await actionsFor(session, project, { uri, placed, keys, diagnostic })));
    }
  }
  return actions;
}

interface Disagreement {
  readonly uri: string;
  readonly placed: PlacedRow;
  readonly keys: DisagreementData;
  readonly diagnostic: Diagnostic;
}

async function actionsFor(
  session: LanguageSession,
  project: LanguageProject,
  { uri, placed, keys, diagnostic }: Disagreement,
): Promise<CodeAction[]> {
  const fix = (title: string, what: Pick<CodeAction, 'edit' | 'command'>): CodeAction => {
    return { title, kind: CodeActionKind.QuickFix, diagnostics: [diagnostic], ...what };
  };
  const actions: CodeAction[] = [];
  const replacements = swapResponses(placed.row.text);
  if (replacements) {
    const edits = replacements.map(({ span, text }) => ({ range: placed.range(span), newText: text }));
    actions.push(fix('Swap chosen and rejected', { edit: { changes: { [uri]: edits } } }));
  }
  const relabel = await relabelArguments(session, project, placed);
  if (relabel) {
    const title = 'Label this comparison again';
    actions.push(fix(title, { command: { title, command: relabelCommand, arguments: [relabel] } }));
  }
  const title = 'Ignore the disagreement in this row';
  const ignoreArguments = [{ project: project.folder, ...keys }];
  actions.push(fix(title, { command: { title, command: ignoreCommand, arguments: ignoreArguments } }));
  return actions;
}

/** Where both responses of the row stand in the project, so that they can be compared. */
async function relabelArguments(
  session: LanguageSession,
  project: LanguageProject,
  { row }: PlacedRow,
): Promise<RelabelArguments | undefined> {
  const { chosen, rejected } = textsOf(row.text);
  if (!chosen || !rejected) return undefined;
  const asked = JSON.stringify(chosen.prompt);
  const store = await session.context.projects.store(project.folder);
  for (const { prompt, responses } of await store.prompts()) {
    if (JSON.stringify(prompt.content) !== asked) continue;
    const idOf = (text: CompletionRow) => responses.find((response) => isText(response, prompt.content, text))?.id;
    const [first, second] = [idOf(chosen), idOf(rejected)];
    if (first && second) return { project: project.folder, prompt: prompt.id, responses: [first, second] };
  }
  return undefined;
}

function isText({ parts, finished }: Response, prompt: CompletionRow['prompt'], text: CompletionRow): boolean {
  const [part] = parts;
  if (parts.length !== 1 || part.type !== 'text') return false;
  return contentKey({ prompt, completion: part.text, finished }) === contentKey(text);
}

function isDisagreement({ source, code }: Diagnostic): boolean {
  return source === diagnosticSource && code === disagreementCode;
}

/** The server's own command. Anything else, or anything malformed, changes nothing. */
export async function executeCommand(
  session: LanguageSession,
  ignored: IgnoredRows,
  { command, arguments: [argument] = [] }: ExecuteCommandParams,
): Promise<null> {
  if (command !== ignoreCommand) return null;
  const { project, chosen, rejected } = (argument ?? {}) as Partial<DisagreementData & { project: string }>;
  const isKey = (key: unknown): key is string => typeof key === 'string' && /^[\w-]{20}$/.test(key);
  if (typeof project !== 'string' || !isKey(chosen) || !isKey(rejected) || !session.isOpen(project)) return null;
  await ignored.add(project, { chosen, rejected });
  session.refresh();
  return null;
}
