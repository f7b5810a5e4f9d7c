import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RewardModel } from './scorer.ts';

/** A base model and a reward adapter on it, as paths. */
export interface RewardModelPaths {
  readonly model: string;
  readonly adapter: string;
}

export interface IdentifiedModel extends RewardModel {
  /** Of the base on the disk. */
  readonly weightBytes: number;
}

interface FileStamp {
  readonly path: string;
  readonly size: number;
  readonly changed: number;
}

const modelFile = /\.(safetensors|json|jinja|gguf|model)$/i;

/** Finds out who scores: the adapter's bytes, and the base by path, size and time. Remembers the answer by stat. */
export class RewardIdentity {
  #known: { readonly stamp: string; readonly model: IdentifiedModel } | undefined;

  /** Undefined where one of the two is not there. */
  async of(paths: RewardModelPaths): Promise<IdentifiedModel | undefined> {
    const [model, adapter] = [resolve(paths.model), resolve(paths.adapter)];
    const [base, parts] = await Promise.all([stampsOf(model), stampsOf(adapter)]);
    if (base.length === 0 || parts.length === 0) return undefined;
    const stamp = JSON.stringify([base, parts]);
    if (this.#known?.stamp === stamp) return this.#known.model;
    const hash = createHash('sha256').update(JSON.stringify(base));
    for (const { path } of parts) {
      hash.update('\0');
      for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
    }
    const identity = hash.digest('hex').slice(0, 24);
    const weights = base.filter(({ path }) => !/\.(json|jinja)$/i.test(path));
    const weightBytes = weights.reduce((sum, { size }) => sum + size, 0);
    this.#known = { stamp, model: { identity, model, adapter, weightBytes } };
    return this.#known.model;
  }
}

/** The file, or what is of a model in the folder, by name; empty where there is nothing. */
async function stampsOf(path: string): Promise<FileStamp[]> {
  try {
    const status = await stat(path);
    if (status.isFile()) return [{ path, size: status.size, changed: status.mtimeMs }];
    const names = (await readdir(path)).filter((name) => modelFile.test(name)).sort();
    const stamps = await Promise.all(
      names.map(async (name) => {
        const file = join(path, name);
        const { size, mtimeMs } = await stat(file);
        return { path: file, size, changed: mtimeMs };
      }),
    );
    return stamps;
  } catch {
    return [];
  }
}
