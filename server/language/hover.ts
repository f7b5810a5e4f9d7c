import type { Hover, HoverParams, Position, Range } from 'vscode-languageserver/node';
import { contentKey } from '../scores/contentKey.ts';
import { explain } from './hints.ts';
import type { OpenFile } from './openFiles.ts';
import type { PlacedRow } from './rowDocument.ts';
import { type Target, textsOf } from './rowScan.ts';
import type { LanguageSession } from './session.ts';
import type { LanguageProject } from './types.ts';
import { signed } from './words.ts';

/**
 * The reward of the text under the pointer, or why there is none. Plain text: names and sentences hold what others wrote,
 * and Markdown would render it.
 */
export async function hover(session: LanguageSession, params: HoverParams): Promise<Hover | null> {
  const file = session.files.get(params.textDocument.uri);
  const project = file && (await session.projectOf(file.uri));
  if (!project || file.document === undefined) return null;
  for (const placed of file.document.rows(params.position.line, params.position.line)) {
    const found = await hoverOf(session, file, project, placed, params.position);
    if (found) return { contents: { kind: 'plaintext', value: found.lines.join('\n') }, range: found.range };
  }
  return null;
}

/** Milliseconds. */
const patience = 1000;

interface Found {
  readonly lines: readonly string[];
  readonly range?: Range;
}

async function hoverOf(
  session: LanguageSession,
  file: OpenFile,
  project: LanguageProject,
  placed: PlacedRow,
  position: Position,
): Promise<Found | undefined> {
  const { scan } = placed.row;
  if (scan === undefined) return undefined;
  if (scan.problem !== undefined && scan.targets.length === 0) return { lines: [`No reward: ${scan.problem}`] };
  const target = scan.targets.find(({ name, value }) => {
    return holds(placed.range({ start: name.start, end: value.end }), position);
  });
  if (target === undefined) return undefined;
  const range = placed.range(target.value);
  if (target.key === undefined) return { lines: [`No reward: ${scan.problem ?? 'the row is broken.'}`], range };
  await computed(session, file, project, placed);
  const lines = await explain(project, target.key);
  if (lines === undefined) return { lines: [await whyNone(session, file, project)], range };
  return { lines: [lines[0], ...(await marginLine(project, scan.targets)), ...lines.slice(1)], range };
}

/** Who points at a row waits for its rewards, a moment. */
async function computed(
  { context }: LanguageSession,
  file: OpenFile,
  { scorer }: LanguageProject,
  { row }: PlacedRow,
): Promise<void> {
  const texts = Object.values(textsOf(row.text));
  if (!context.settings().trusted || file.wanted.failure !== undefined) return;
  if (!(await scorer.lookup(texts.map(contentKey))).includes(undefined) || !(await scorer.mayScoreUnasked())) return;
  // What fails is said by the next request for the rows on screen.
  const scored = scorer.scoreEach(texts, { urgency: 'visible' }).catch(() => {});
  const tired = new Promise((resolve) => setTimeout(resolve, patience).unref());
  await Promise.race([scored, tired]);
}

async function marginLine({ scorer }: LanguageProject, targets: readonly Target[]): Promise<string[]> {
  const keys = ['chosen', 'rejected'].map((column) => targets.find((target) => target.column === column)?.key);
  const [chosen, rejected] = keys;
  if (chosen === undefined || rejected === undefined) return [];
  const [first, second] = await scorer.lookup([chosen, rejected]);
  if (!first || !second || 'error' in first || 'error' in second) return [];
  const margin = first.reward - second.reward;
  const verdict = margin > 0 ? 'the reward model agrees' : margin < 0 ? 'the reward model disagrees' : 'a tie';
  return [`Margin (chosen − rejected) ${signed(margin)}: ${verdict}`];
}

async function whyNone({ context }: LanguageSession, file: OpenFile, { scorer }: LanguageProject): Promise<string> {
  if ((await scorer.rewardModel()) === undefined) {
    return 'No reward: this project has no reward model yet. Label comparisons, then run "Palate: Train…".';
  }
  if (!context.settings().trusted) return 'No reward: in a workspace that is not trusted nothing is computed.';
  if (file.wanted.failure !== undefined) return `No reward: ${file.wanted.failure}`;
  if (await scorer.mayScoreUnasked()) return 'The reward is being computed: look again in a moment.';
  return 'No reward: the reward model is not loaded. Run "Palate: Score File" to load it.';
}

function holds({ start, end }: Range, { line, character }: Position): boolean {
  if (line < start.line || line > end.line) return false;
  if (line === start.line && character < start.character) return false;
  return line < end.line || character <= end.character;
}
