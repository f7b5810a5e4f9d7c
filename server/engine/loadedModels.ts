import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { holdBase } from './memory/held.ts';
import { type ActiveAdapter, activate, Model } from './model.ts';
import { threads } from './onnx/sessions.ts';
import { checkAdapter, readAdapter } from './weights/adapters.ts';
import { loadBaseModel } from './weights/load.ts';
import type { Adapter } from './weights/types.ts';

/** The base model in memory: one at a time, because it is what takes the memory. */
let loaded: { path: string; stamp: string; model: Model; letGo: () => void } | undefined;

/** The model at a path, loaded if it is not the one in memory, or has changed on disk. */
export async function openModel(path: string, threadCount: number | undefined): Promise<Model> {
  if (threadCount !== undefined && threadCount !== threads.count) {
    await closeModel();
    threads.count = threadCount;
  }
  const absolute = resolve(path);
  const status = statSync(absolute, { throwIfNoEntry: false });
  const stamp = `${status?.size} ${status?.mtimeMs}`;
  if (loaded?.path === absolute && loaded.stamp === stamp) return loaded.model;
  await closeModel();
  const model = new Model(await loadBaseModel(absolute));
  loaded = { path: absolute, stamp, model, letGo: holdModel(model, () => 0) };
  return model;
}

async function closeModel(): Promise<void> {
  loaded?.letGo();
  await loaded?.model.release();
  loaded = undefined;
}

/** Tells what a model holds for as long as it is in memory. Returns what ends that. */
export function holdModel(model: Model, secondCopy: () => number): () => void {
  const bytes = [...model.base.weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  return holdBase({ path: model.base.path, bytes, secondCopy, graphs: () => model.graphBytes });
}

/** An adapter folder, checked against the model. Throws a UserError that names what does not fit. */
export function openAdapter(model: Model, folder: string): Adapter {
  const adapter = readAdapter(folder);
  checkAdapter(adapter, model.config, folder);
  return adapter;
}

export function openActiveAdapter(model: Model, folder: string | undefined): ActiveAdapter | undefined {
  return folder === undefined ? undefined : activate(openAdapter(model, folder));
}
