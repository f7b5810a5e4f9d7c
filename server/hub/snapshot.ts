import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type HubReference, isPlainPath, referenceText } from './reference.ts';

/** What lies on this machine for a reference. */
export interface FoundModel {
  /** The GGUF file, or the folder. */
  readonly path: string;
  /** Why it can't be used: it is not whole, or there are several and none was named. */
  readonly problem?: string;
  /** Files of it are missing: getting them would help. */
  readonly incomplete?: true;
}

/**
 * The model that a snapshot of a repository holds: its safetensors folder, or its GGUF file. Links are followed.
 *
 * @returns undefined where it holds nothing of what was asked for
 */
export function modelIn(snapshot: string, reference: HubReference): FoundModel | undefined {
  const { file } = reference;
  if (file !== undefined) return isFile(join(snapshot, file)) ? { path: join(snapshot, file) } : undefined;
  if (isFile(join(snapshot, 'config.json'))) {
    const missing = missingFile(snapshot);
    if (missing === undefined) return { path: snapshot };
    if (missing !== weightsName || ggufNames(snapshot).length === 0) {
      return { path: snapshot, problem: `It is not whole: ${missing} is missing.`, incomplete: true };
    }
  }
  const names = ggufNames(snapshot);
  if (names.length === 1) return { path: join(snapshot, names[0]) };
  return names.length === 0 ? undefined : { path: snapshot, problem: severalSentence(reference, names) };
}

/** All that a snapshot holds, each under the name that finds it. */
export function modelsIn(
  snapshot: string,
  reference: HubReference,
): readonly (FoundModel & { readonly reference: HubReference })[] {
  const names = ggufNames(snapshot);
  const files = names.map((file) => ({ path: join(snapshot, file), reference: { ...reference, file } }));
  const whole = modelIn(snapshot, reference);
  if (whole === undefined || whole.path !== snapshot || (names.length > 0 && whole.problem)) return files;
  return [{ ...whole, reference }, ...files];
}

/** "org/name holds several GGUF files: say which, org/name:a.gguf or org/name:b.gguf." */
export function severalSentence(reference: HubReference, names: readonly string[]): string {
  const shown = names.slice(0, 30).map((file) => `\n  ${referenceText({ ...reference, file })}`);
  const more = names.length > shown.length ? [`\n  … and ${names.length - shown.length} more`] : [];
  return `${referenceText(reference)} holds several GGUF files; say which one:${[...shown, ...more].join('')}`;
}

/** One part of a GGUF that was split: llama.cpp's gguf-split. */
export const isSplitGguf = (name: string) => /-\d{5}-of-\d{5}\.gguf$/i.test(name);

const weightsName = 'model.safetensors';

function missingFile(snapshot: string): string | undefined {
  if (!isFile(join(snapshot, 'tokenizer.json'))) return 'tokenizer.json';
  if (isFile(join(snapshot, weightsName))) return undefined;
  const index = join(snapshot, `${weightsName}.index.json`);
  if (!isFile(index)) return weightsName;
  return shardNames(index)?.find((name) => !isFile(join(snapshot, name)));
}

/** The files that an index names; undefined where it cannot be read, which whoever loads it explains. */
export function shardNames(index: string): string[] | undefined {
  try {
    const { weight_map: map } = JSON.parse(readFileSync(index, 'utf8')) as { weight_map?: Record<string, unknown> };
    return [...new Set(Object.values(map ?? {}))].filter((name) => typeof name === 'string').sort();
  } catch {
    return undefined;
  }
}

/** In the snapshot and one folder below it, where some keep them. */
function ggufNames(snapshot: string): string[] {
  const below = (folder: string) => {
    try {
      return readdirSync(join(snapshot, folder));
    } catch {
      return [];
    }
  };
  const top = below('');
  const folders = top.filter((name) => !name.includes('.') && isPlainPath(name));
  return [...top, ...folders.flatMap((folder) => below(folder).map((name) => `${folder}/${name}`))]
    .filter((name) => /\.gguf$/i.test(name) && isPlainPath(name) && isFile(join(snapshot, name)))
    .sort();
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
