import { dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../errors.ts';
import type { ChatMessage, ExportSummary, PreferenceRow, Response } from '../protocol/types.ts';
import { writeFileAtomically } from './atomicFile.ts';
import { promptsFolder, responsesFolder } from './content.ts';
import { feedbackFolder } from './feedbackIndex.ts';
import { fileError } from './fileErrors.ts';
import { Pacer } from './pacer.ts';
import { type Preferred, type PreferredPair, preferenceRowOf } from './preferences.ts';

/**
 * Writes preferences as TRL reads them, the whole file or nothing: {prompt, chosen, rejected}, conversational where the
 * prompt is, multimodal (with the column `images`: paths from the file's folder) where the responses are pictures; with
 * chosen_finished or rejected_finished where one was cut, and with strength, scale and annotator.
 *
 * @throws UserError where the file cannot be written
 */
export async function writePreferences(project: string, path: string, preferred: Preferred): Promise<ExportSummary> {
  const file = resolve(project, path);
  checkPlace(project, file);
  const { pairs, leftOut } = preferred;
  try {
    await writeFileAtomically(
      file,
      linesOf(pairs, (picture) => pathFrom(dirname(file), join(project, picture))),
    );
  } catch (error) {
    throw fileError(`Cannot write ${file}`, error, 'Nothing was changed.');
  }
  return { path: file, rows: pairs.length, leftOut: leftOut as Readonly<Record<string, number>> };
}

/** An export must not take the place of labels, nor be read as prompts or responses. */
function checkPlace(project: string, file: string): void {
  if (!/\.(jsonl|ndjson)$/i.test(file)) {
    throw new UserError(`${file} should end in .jsonl: preferences are written one a line.`);
  }
  const [top, ...rest] = relative(project, file).split(sep);
  if (rest.length > 0 && [feedbackFolder, promptsFolder, responsesFolder].includes(top.toLowerCase())) {
    throw new UserError(`${file} lies among the project's own ${top}. Export to another folder.`);
  }
}

/** A row for training as a line of TRL's columns. */
export function preferenceLine(row: PreferenceRow): string {
  return JSON.stringify(columnsOf(row));
}

const linesAtOnce = 500;

async function* linesOf(pairs: readonly PreferredPair[], place: (picture: string) => string): AsyncGenerator<string> {
  const pacer = new Pacer();
  for (let start = 0; start < pairs.length; start += linesAtOnce) {
    if (start > 0) await pacer.rest();
    yield pairs
      .slice(start, start + linesAtOnce)
      .map((pair) => `${JSON.stringify(exportedRow(pair, place))}\n`)
      .join('');
  }
}

function exportedRow(pair: PreferredPair, place: (picture: string) => string): Record<string, unknown> {
  const { strength, scale, annotators, modality } = pair;
  const row = modality === 'image' ? pictureColumns(pair, place) : columnsOf(preferenceRowOf(pair));
  return { ...row, ...(strength > 0 ? { strength, scale } : {}), annotator: annotators.join(', ') };
}

function columnsOf({ prompt, chosen, rejected, ...rest }: PreferenceRow): Record<string, unknown> {
  const isText = typeof prompt === 'string';
  const answer = (content: string) => (isText ? content : [{ role: 'assistant', content }]);
  return {
    prompt,
    chosen: answer(chosen),
    rejected: answer(rejected),
    ...finishedColumns(rest.chosenFinished, rest.rejectedFinished),
    ...(rest.margin === undefined ? {} : { margin: rest.margin }),
  };
}

function finishedColumns(chosen: boolean, rejected: boolean): Record<string, false> {
  return { ...(chosen ? {} : { chosen_finished: false }), ...(rejected ? {} : { rejected_finished: false }) };
}

function pictureColumns({ prompt, chosen, rejected }: PreferredPair, place: (picture: string) => string) {
  const turns: readonly ChatMessage[] =
    typeof prompt.content === 'string' ? [{ role: 'user', content: prompt.content }] : prompt.content;
  const images = [chosen, rejected].flatMap(({ parts }) =>
    parts.flatMap((part) => (part.type === 'image' ? [place(part.path)] : [])),
  );
  return {
    images,
    prompt: turns.map(({ role, content }) => ({ role, content: [{ type: 'text', text: content }] })),
    chosen: [{ role: 'assistant', content: partColumns(chosen) }],
    rejected: [{ role: 'assistant', content: partColumns(rejected) }],
    ...finishedColumns(chosen.finished, rejected.finished),
  };
}

function partColumns({ parts }: Response) {
  return parts.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : { type: 'image' }));
}

function pathFrom(folder: string, file: string): string {
  return relative(folder, file).split(sep).join('/');
}
