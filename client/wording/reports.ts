import type { DoctorReport, ExportSummary, ScoredText } from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { bytes, reward } from './amounts.ts';

/** What the extension itself knows, for the part of the report that needs no server. */
export interface EditorFacts {
  readonly version: string;
  readonly editor: string;
  readonly trusted: boolean;
  readonly runtime: string;
  readonly inlineScores: string;
  readonly server: string;
  readonly problems: readonly string[];
}

/** Markdown. @param report undefined: the server could not be asked, `failure` says why. */
export function doctorText(facts: EditorFacts, report: DoctorReport | undefined, failure?: string): string {
  const lines = [
    `# ${t('Palate: Doctor')}`,
    '',
    `- Palate ${facts.version}, ${facts.editor}`,
    `- ${t('Workspace: {0}', facts.trusted ? t('trusted') : t('restricted: read and label only'))}`,
    `- ${t("Server's runtime: {0}", facts.runtime || t("the editor's own"))}`,
    `- ${t('Server: {0}', facts.server)}`,
    `- ${t('Inline scores: {0}', facts.inlineScores)}`,
    ...facts.problems.map((problem) => `- ✗ ${problem}`),
    '',
  ];
  if (!report) {
    return [...lines, `## ${t('The server does not answer')}`, '', plain(failure ?? ''), ''].join('\n');
  }
  const well = report.checks.every(({ ok, optional }) => ok || optional);
  return [
    ...lines,
    `- Node ${report.node}, ${report.platform}, ${t('{0} cores', report.cores)}`,
    `- ${t('Memory: {0}, free {1}', bytes(report.memory.total), bytes(report.memory.available))}`,
    '',
    `## ${well ? t('All is well') : t('What was checked')}`,
    '',
    ...report.checks.map(
      ({ name, ok, optional, message }) => `- ${ok ? '✓' : optional ? '–' : '✗'} **${plain(name)}**: ${plain(message)}`,
    ),
    '',
  ].join('\n');
}

/** "96 rows in preferences.jsonl; left out: 3 ties, 1 skip". */
export function exportText({ path, rows, leftOut }: ExportSummary): string {
  const name = path.split(/[\\/]/).at(-1) ?? path;
  const left = Object.entries(leftOut).filter(([, count]) => count > 0);
  const wrote = rows === 1 ? t('1 preference row in {0}', name) : t('{0} preference rows in {1}', rows, name);
  if (left.length === 0) return `${wrote}.`;
  return `${t('{0}; left out: {1}', wrote, left.map(([reason, count]) => `${reason} ${count}`).join(', '))}.`;
}

/** "+1.83, higher than 82 % of the labelled responses". */
export function scoreText({ reward: value, percentile }: ScoredText): string {
  if (percentile === undefined) return t('Reward {0}', reward(value));
  return t('Reward {0}, higher than {1} % of the labelled responses', reward(value), Math.round(percentile * 100));
}

/** Names and sentences come from files and systems: they must not become Markdown of their own. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]<>#|!]/g, '\\$&');
}
