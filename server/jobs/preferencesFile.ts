import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { PreferenceRow, StageName } from '../protocol/types.ts';

const fileName = 'preferences.jsonl';
/** Rows between two moments in which the server may answer something else. */
const rowsAtOnce = 500;

/**
 * Writes the preferences that a stage of a run learns from, as TRL rows, and answers the file's name. A later stage that
 * learns from others gets a file of its own, so that what the stages before it learnt from stays there.
 */
export async function writePreferences(
  folder: string,
  rows: readonly PreferenceRow[],
  stage: StageName | 'all',
): Promise<string> {
  const first = join(folder, fileName);
  const beside = `${first}.${process.pid}.tmp`;
  try {
    const hash = await writeRows(beside, rows);
    if (existsSync(first) && (await hashOf(first)) === hash) return fileName;
    const name = existsSync(first) ? `preferences-${stage}.jsonl` : fileName;
    await rename(beside, join(folder, name));
    return name;
  } finally {
    await rm(beside, { force: true });
  }
}

/** Answers the SHA-256 of what it wrote, flushed. */
async function writeRows(path: string, rows: readonly PreferenceRow[]): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    for (let start = 0; start < rows.length; start += rowsAtOnce) {
      const group = rows.slice(start, start + rowsAtOnce);
      const text = group.map((row) => `${JSON.stringify(trlRow(row))}\n`).join('');
      hash.update(text);
      await file.write(text);
      await setImmediate();
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
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
