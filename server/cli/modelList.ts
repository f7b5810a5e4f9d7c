import { listLibrary } from '../jobs/library.ts';
import type { LibraryModel } from '../protocol/types.ts';
import { command } from './command.ts';
import { printable } from './console.ts';
import { jsonFlag } from './flags.ts';

export const modelList = command({
  name: 'model list',
  summary: 'the base models on this machine, and whether they will load',
  details: `
The embedded model, what was added by path, what was downloaded, and what lies in the Hugging Face cache. The names can
stand for "model" in palate.json and after --model.
--json: a line a model, {name, source, path, format, family, parameters, bytes, problem}.`,
  flags: { json: jsonFlag },
  operands: [],
  async run(_values, _operands, console) {
    const models = await listLibrary();
    if (console.json) for (const model of models) console.resultJson(model);
    else console.result(models.map(modelText).join('\n'));
    return 0;
  },
});

const sources: Readonly<Record<LibraryModel['source'], string>> = {
  embedded: 'comes with Palate',
  added: 'added',
  downloaded: 'downloaded',
  cache: 'in the Hugging Face cache',
};

/** Two or three lines for a person. */
export function modelText({ name, source, path, family, parameters, bytes, problem }: LibraryModel): string {
  const facts = [
    family,
    parameters === undefined ? undefined : `${(parameters / 1e6).toFixed(parameters < 1e7 ? 1 : 0)} million weights`,
    bytes === undefined ? undefined : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`,
    sources[source],
  ].filter(Boolean);
  const lines = [`${problem ? '✗' : '✓'} ${name}  ${facts.join(', ')}`, `    ${path}`];
  return printable([...lines, ...(problem ? [`    ${problem}`] : [])].join('\n'));
}
