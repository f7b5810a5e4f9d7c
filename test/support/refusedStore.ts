/**
 * Labels a project until a decision is refused, and prints what happened: `node refusedStore.js FOLDER [flush]`. With
 * "flush", the second flush of a log fails as a broken disk makes it fail; there is no such disk to be had.
 */
import fs, { constants } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { openProjectStore } from '../../server/store/openProjectStore.ts';
import { decideNext } from './project.ts';

const [folder, flush] = process.argv.slice(2);
let flushes = 0;
if (flush !== undefined) {
  const { open } = fs.promises;
  fs.promises.open = async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    if (typeof flags === 'number' && (flags & constants.O_APPEND) !== 0) {
      const { sync } = file;
      file.sync = async () => {
        await sync.call(file);
        if (++flushes > 1) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
      };
    }
    return file;
  };
  syncBuiltinESMExports();
}

const store = await openProjectStore(folder);
let saved = 0;
let sentence = '';
let before = await store.progress('ann');
while (sentence === '' && saved < 100) {
  before = await store.progress('ann');
  try {
    await decideNext(store, 'ann', 1);
    saved++;
  } catch (error) {
    sentence = (error as Error).message;
  }
}
console.log(JSON.stringify({ saved, sentence, before, after: await store.progress('ann') }));
await store.close();
