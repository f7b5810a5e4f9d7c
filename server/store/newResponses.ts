import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { appendLines } from './appendLine.ts';
import { responsesFolder } from './content.ts';
import { fileError } from './fileErrors.ts';
import type { NewResponse } from './projectStore.ts';

/**
 * Appends to responses/NAME.jsonl, flushed, and answers how many it wrote: blank ones are left out.
 *
 * @throws UserError where the name is no plain file name, or the file cannot be written
 */
export async function addResponses(folder: string, name: string, responses: readonly NewResponse[]): Promise<number> {
  if (!/^[\w@+-][\w.@+-]{0,100}$/.test(name)) {
    throw new UserError(`${JSON.stringify(name)} is no name for a file of responses: use letters, digits, - and _.`);
  }
  const file = name.endsWith('.jsonl') ? name : `${name}.jsonl`;
  const rows = responses.filter(({ completion }) => completion.trim() !== '').map(rowOf);
  if (rows.length === 0) return 0;
  try {
    await appendLines(join(folder, responsesFolder, file), rows.join('\n'));
  } catch (error) {
    throw fileError(`The responses were not saved: cannot write ${responsesFolder}/${file}`, error);
  }
  return rows.length;
}

/** As TRL writes it: beside a conversation the answer is a turn. */
function rowOf({ prompt, completion, finished, model }: NewResponse): string {
  const answer = typeof prompt === 'string' ? completion : [{ role: 'assistant', content: completion }];
  return JSON.stringify({ prompt, completion: answer, ...(finished ? {} : { finished }), model });
}
