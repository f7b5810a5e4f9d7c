import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelDescription } from '../engine/weights/load.ts';
import { UserError } from '../errors.ts';
import { packageRoot } from '../paths.ts';

const known = new Map<string, { readonly stamp: string; readonly description: Promise<ModelDescription> }>();

/**
 * What the model at an absolute path is, from its headers alone. Read in a process of its own; kept while the file does
 * not change.
 *
 * @throws UserError where it is no model, or a broken one
 */
export async function modelDescription(path: string): Promise<ModelDescription> {
  const status = await stat(path).catch(() => undefined);
  const stamp = `${status?.size} ${status?.mtimeMs}`;
  const found = known.get(path);
  if (found?.stamp === stamp) return found.description;
  const description = describeApart(path);
  known.set(path, { stamp, description });
  description.catch(() => known.delete(path));
  return description;
}

function describeApart(path: string): Promise<ModelDescription> {
  const entry = join(packageRoot(), 'out', 'server', 'jobs', 'describeModel.js');
  return new Promise((resolve, reject) => {
    const options = { timeout: 60_000, maxBuffer: 1 << 20 };
    execFile(process.execPath, [entry, path], options, (error, stdout, stderr) => {
      if (error)
        return reject(new UserError(`${path} cannot be read as a model: ${lastLine(stderr) || error.message}.`));
      const answer = JSON.parse(stdout) as { ok: ModelDescription } | { error: string };
      if ('ok' in answer) resolve(answer.ok);
      else reject(new UserError(answer.error));
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
