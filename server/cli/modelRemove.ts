import { removeModel } from '../jobs/library.ts';
import { command } from './command.ts';

export const modelRemove = command({
  name: 'model remove',
  summary: 'delete a model that was downloaded, or forget one that was added',
  details: `
NAME is one that \`palate model list\` shows. The files of a model that was added by its path stay, and so does what lies
in the Hugging Face cache. Part of a download that was stopped is deleted too.`,
  flags: {},
  operands: ['NAME'],
  async run(_values, [name], console) {
    console.result(removeModel(name));
    return 0;
  },
});
