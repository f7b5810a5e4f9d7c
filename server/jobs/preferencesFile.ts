import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../engine/weights/files.ts';
import type { PreferenceRow, StageName } from '../protocol/types.ts';

const fileName = 'preferences.jsonl';

/**
 * Writes the preferences that a stage of a run learns from, as TRL rows, and answers the file's name. A later stage that
 * learns from others gets a file of its own, so that what the stages before it learnt from stays there.
 */
export function writePreferences(folder: string, rows: readonly PreferenceRow[], stage: StageName | 'all'): string {
  const text = rows.map((row) => `${JSON.stringify(trlRow(row))}\n`).join('');
  const first = join(folder, fileName);
  if (existsSync(first) && readFileSync(first, 'utf8') === text) return fileName;
  const name = existsSync(first) ? `preferences-${stage}.jsonl` : fileName;
  writeFileAtomically(join(folder, name), [text]);
  return name;
}

function trlRow({ prompt, chosen, rejected, chosenFinished, rejectedFinished, margin }: PreferenceRow) {
  return {
    prompt,
    chosen,
    rejected,
    chosen_finished: chosenFinished,
    rejected_finished: rejectedFinished,
    ...(margin === undefined ? {} : { margin }),
  };
}
