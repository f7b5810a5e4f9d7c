import { resolve } from 'node:path';
import { Progress } from '../demo/progress.ts';
import { amountText, createMeter } from '../download/rate.ts';
import { addLocal, download } from '../jobs/library.ts';
import type { LibraryModel } from '../protocol/types.ts';
import { command, textFlag } from './command.ts';
import type { Console } from './console.ts';
import { jsonFlag } from './flags.ts';
import { modelText } from './modelList.ts';

export const modelAdd = command({
  name: 'model add',
  summary: 'use a model that you have, or one of the hub',
  details: `
MODEL is a GGUF file, a Hugging Face folder, or a model of the hub: org/name, org/name@revision, org/name:file.gguf.
A path is checked and remembered under a name; the files stay where they are. A model of the hub is looked for in the
Hugging Face cache (HF_HUB_CACHE, HF_HOME) and among what was downloaded; else it is downloaded, with checksums, into the
folder that PALATE_HOME names, else the person's data folder. Only what the model needs comes. Ctrl+C keeps what has
come: the same command goes on. HF_ENDPOINT names a mirror; a token (HF_TOKEN, or the hub's own token file) is sent to
the hub alone.`,
  flags: { name: textFlag('NAME', 'in place of the file name, for a path'), json: jsonFlag },
  operands: ['MODEL'],
  async run({ name }, [asked], console) {
    const found = await addLocal(asked, resolve('.'), name);
    const model = 'model' in found ? found.model : await downloaded(console, found.download);
    if (model === undefined) return console.interruptCode ?? 0;
    if (console.json) console.resultJson({ ...model, seconds: console.seconds() });
    else console.result(`${modelText(model)}\n"model": ${JSON.stringify(model.name)} in palate.json uses it.`);
    return 0;
  },
});

/** Undefined: stopped. */
async function downloaded(console: Console, text: string): Promise<LibraryModel | undefined> {
  const progress = new Progress([{ name: 'download', title: `Downloading ${text}`, weight: 1 }], {
    secondsBetweenLines: 5,
  });
  console.onInterrupt(() => progress.stop('Stopping …'));
  const pace = createMeter();
  progress.begin('download');
  try {
    const { signal } = console;
    const model = await download(text, {
      signal,
      progress: (done, total) =>
        progress.update(total > 0 ? done / total : 0, amountText(done, total, pace(done, total))),
    });
    progress.close();
    return model;
  } catch (error) {
    if (!console.signal.aborted) throw error;
    progress.stop();
    console.say('Stopped. What has come is kept: the same command goes on.');
    return undefined;
  } finally {
    progress.stop();
  }
}
