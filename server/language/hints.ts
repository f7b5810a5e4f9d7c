import type { CodeLens, CodeLensParams, InlayHint, InlayHintParams } from 'vscode-languageserver/node';
import type { ScoredColumn } from '../scores/scoredTexts.ts';
import { breather } from './breathe.ts';
import type { LanguageSession, ShownTarget } from './session.ts';
import { type LanguageProject, scoreFileCommand } from './types.ts';
import { explained, judgeOf } from './words.ts';

interface HintData {
  readonly uri: string;
  readonly key: string;
}

/** A reward before each scored value, +1.8 or … while it is computed. The tooltip is told on demand. */
export async function inlayHints(session: LanguageSession, params: InlayHintParams): Promise<InlayHint[]> {
  if (session.context.settings().inlineScores !== 'inlay') return [];
  const { uri } = params.textDocument;
  const file = session.files.get(uri);
  const project = file && (await session.projectOf(uri));
  if (!project) return [];
  const { start, end } = params.range;
  const shown = await session.show(file, project, start.line, end.line);
  return shown.flatMap(({ label, range, key }): InlayHint[] => {
    if (label === undefined) return [];
    const data: HintData | undefined = key === undefined ? undefined : { uri, key };
    return [{ position: range.start, label, paddingRight: true, data }];
  });
}

export async function resolveHint(session: LanguageSession, hint: InlayHint): Promise<InlayHint> {
  const { uri, key } = (hint.data ?? {}) as Partial<HintData>;
  if (typeof uri !== 'string' || typeof key !== 'string') return hint;
  const project = await session.projectOf(uri);
  const lines = project && (await explain(project, key));
  return lines ? { ...hint, tooltip: lines.join('\n') } : hint;
}

/** What is known of a text's score, in lines; undefined: nothing yet. */
export async function explain({ scorer }: LanguageProject, key: string): Promise<string[] | undefined> {
  const [model, [score]] = await Promise.all([scorer.rewardModel(), scorer.lookup([key])]);
  if (model === undefined || score === undefined) return undefined;
  return explained(score, await scorer.labelled(), judgeOf(model.adapter));
}

interface LensData {
  readonly uri: string;
  readonly line: number;
}

/** Rows that have a lens: an editor takes them all at once, whatever is on screen. */
const mostLenses = 2000;

/** One lens a row, told when it is on screen. In every mode: one that offers to score a file whose model is not loaded. */
export async function codeLenses(session: LanguageSession, params: CodeLensParams): Promise<CodeLens[]> {
  const { inlineScores, trusted } = session.context.settings();
  const { uri } = params.textDocument;
  const file = session.files.get(uri);
  if (inlineScores === 'off' || !file?.document) return [];
  const project = await session.projectOf(uri);
  if (!project || (await project.scorer.rewardModel()) === undefined) return [];
  const offer = trusted ? await offerOf(session, project, uri) : [];
  if (inlineScores !== 'codeLens') return offer;
  const lenses = [...offer];
  const breathe = breather();
  for (const { row, line } of file.document.rows()) {
    await breathe();
    if ((row.scan?.targets.length ?? 0) === 0) continue;
    const range = { start: { line, character: 0 }, end: { line, character: 0 } };
    lenses.push({ range, data: { uri, line } satisfies LensData });
    if (lenses.length >= mostLenses) break;
  }
  return lenses;
}

export async function resolveLens(session: LanguageSession, lens: CodeLens): Promise<CodeLens> {
  const { uri, line } = (lens.data ?? {}) as Partial<LensData>;
  const plain = (title: string) => ({ ...lens, command: { title, command: '' } });
  const file = typeof uri === 'string' ? session.files.get(uri) : undefined;
  const project = file && (await session.projectOf(file.uri));
  if (!project || line === undefined) return lens.command ? lens : plain('');
  const shown = await session.show(file, project, line, line);
  const parts = shown
    .filter(({ label }) => label !== undefined)
    .map(({ column, label }) => `${titles[column]} ${label}`);
  return plain([...parts, ...marginOf(shown)].join(' · '));
}

const titles: Readonly<Record<ScoredColumn, string>> = {
  chosen: 'chosen',
  rejected: 'rejected',
  completion: 'reward',
  response: 'reward',
  text: 'reward',
  messages: 'reward',
};

/** Of a pair with both rewards. */
function marginOf(shown: readonly ShownTarget[]): string[] {
  const reward = (wanted: ScoredColumn) => {
    const score = shown.find(({ column }) => column === wanted)?.score;
    return score && 'reward' in score ? score.reward : Number.NaN;
  };
  const margin = reward('chosen') - reward('rejected');
  if (Number.isNaN(margin)) return [];
  return [margin > 0 ? 'agrees' : margin < 0 ? 'disagrees' : 'tie'];
}

/** Where nothing is computed unasked and something is missing. */
async function offerOf(session: LanguageSession, { scorer }: LanguageProject, uri: string): Promise<CodeLens[]> {
  if (await scorer.mayScoreUnasked()) return [];
  const keys: string[] = [];
  for (const { row } of session.files.get(uri)?.document?.rows(0, 100) ?? []) {
    keys.push(...(row.scan?.targets ?? []).flatMap(({ key }) => key ?? []));
  }
  const missing = keys.length > 0 && (await scorer.lookup(keys)).includes(undefined);
  if (!missing) return [];
  const start = { line: 0, character: 0 };
  const title = 'Score File (the reward model is not loaded)';
  return [{ range: { start, end: start }, command: { title, command: scoreFileCommand, arguments: [uri] } }];
}
