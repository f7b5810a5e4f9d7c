/**
 * Labels a project, as a process of its own: `node killableStore.js FOLDER ANNOTATOR COUNT [MOMENT]`. Every decision that
 * was acknowledged is told to the parent by its id. With a moment, it dies (SIGKILL) there, in the middle of its last
 * decision: no signal from outside could come as exactly.
 */
import fs, { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { openProjectStore } from '../../server/store/openProjectStore.ts';
import type { Moment } from './labellingProcess.ts';
import { decisionOn } from './project.ts';

const [folder, annotator, count, moment] = process.argv.slice(2) as [string, string, string, Moment | undefined];
let armed = false;

const dieAt = (here: Moment): void => {
  if (armed && here === moment) process.kill(process.pid, 'SIGKILL');
};

/** Kills this process between two calls on a log that is opened for appending. */
function watchAppends(): void {
  const { open } = fs.promises;
  fs.promises.open = async (path, flags, mode) => {
    const appends = typeof flags === 'number' && (flags & constants.O_APPEND) !== 0;
    if (appends) dieAt('before opening');
    const file = await open(path, flags, mode);
    if (appends) wrap(file);
    return file;
  };
  syncBuiltinESMExports();
}

function wrap(file: FileHandle): void {
  dieAt('opened');
  const { sync, close } = file;
  const write: (bytes: Uint8Array, offset: number, length: number) => Promise<unknown> = file.write.bind(file);
  file.write = (async (bytes: Uint8Array) => {
    dieAt('before writing');
    if (armed && moment === 'half written') await write(bytes, 0, bytes.length >> 1);
    dieAt('half written');
    if (armed && moment === 'written but its end') await write(bytes, 0, bytes.length - 1);
    dieAt('written but its end');
    const result = await write(bytes, 0, bytes.length);
    dieAt('written');
    return result;
  }) as FileHandle['write'];
  file.sync = async function (this: FileHandle) {
    dieAt('before flushing');
    await sync.call(this);
    dieAt('flushed');
  };
  file.close = async function (this: FileHandle) {
    dieAt('before closing');
    await close.call(this);
    dieAt('closed');
  };
}

const send = (id: string) => new Promise<void>((resolve) => process.send?.(id, () => resolve()));

watchAppends();
const store = await openProjectStore(folder);
for (let k = 0; k < Number(count); k++) {
  const [comparison] = (await store.next(annotator, 1, [])).comparisons;
  if (comparison === undefined) break;
  armed = moment !== undefined && k === Number(count) - 1;
  const { event } = await store.decide(annotator, decisionOn(comparison, k % 2 === 0 ? 'A' : 'B'));
  await send(event.id);
}
await store.close();
process.disconnect?.();
