import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { targetOf } from './target.ts';

/** Has prompts answered: how many prompts, how many responses each; what is done is kept when it is stopped. */
export async function run(palate: Palate, from?: unknown): Promise<void> {
  const project = await palate.projects.choose(targetOf(palate, from).project);
  if (!project) return;
  const { prompts } = project.counts;
  if (prompts === 0) {
    throw new Error(
      t(
        '{0} has no prompts yet. Put one JSON object a line into a file below prompts/: {"prompt": "…"}.',
        project.name,
      ),
    );
  }
  const limit = await pickNumber({
    title: t('Generate Responses: for how many prompts?'),
    rows: [
      { label: t('All {0} prompts', prompts), value: undefined },
      ...[5, 10, 20, 50, 100]
        .filter((count) => count < prompts)
        .map((count) => ({
          label: t('{0} prompts', count),
          description: t('those with the fewest responses first'),
          value: count,
        })),
    ],
    most: prompts,
  });
  if (!limit) return;
  const samples = await pickNumber({
    title: t('Generate Responses: how many for each prompt?'),
    rows: [
      { label: t('As palate.json says'), description: t('2 unless it says otherwise'), value: undefined },
      ...[2, 3, 4, 6].map((count) => ({ label: t('{0} responses', count), value: count })),
    ],
    most: 16,
  });
  if (!samples) return;
  const job = await palate.server.request('generate', {
    project: project.folder,
    ...(limit.value !== undefined && { limit: limit.value }),
    ...(samples.value !== undefined && { samples: samples.value }),
  });
  await palate.jobs.follow(palate.jobs.begun(job));
}

interface NumberRow extends vscode.QuickPickItem {
  readonly value: number | undefined;
}

/** One of the rows, or a number of the person's own; undefined when they left. */
async function pickNumber(question: {
  readonly title: string;
  readonly rows: readonly NumberRow[];
  readonly most: number;
}): Promise<{ readonly value: number | undefined } | undefined> {
  const { title, rows, most } = question;
  const other = { label: t('Another number…'), other: true };
  const picked = await vscode.window.showQuickPick([...rows, other], { title });
  if (!picked) return undefined;
  if (!('other' in picked)) return { value: picked.value };
  const text = await vscode.window.showInputBox({
    title,
    validateInput: (entered) =>
      /^\d+$/.test(entered.trim()) && Number(entered) >= 1 && Number(entered) <= most
        ? undefined
        : t('A whole number from 1 to {0}.', most),
  });
  return text === undefined ? undefined : { value: Number(text) };
}
