import { UserError } from '../errors.ts';
import type { HubFile, HubRepository } from './client.ts';
import { type HubReference, isPlainPath, referenceText } from './reference.ts';
import { isSplitGguf, severalSentence } from './snapshot.ts';

/** What has to be downloaded of a repository. */
export interface Selection {
  /** The GGUF file, where it is one; absent: a folder. */
  readonly gguf?: string;
  /** Small ones first: they may already show that the model cannot be used. */
  readonly files: readonly HubFile[];
  /** An index names the weights: its files have still to be added. */
  readonly index?: string;
}

/** What a folder needs, and what it may have. Everything else stays on the hub. */
const needed = ['config.json', 'tokenizer.json'];
const welcome = [
  'generation_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
];
const weights = 'model.safetensors';
const index = `${weights}.index.json`;

/**
 * The files of a repository that make a model.
 *
 * @throws UserError where it holds none that Palate reads, or several and none was named
 */
export function selectFiles(reference: HubReference, { files }: Pick<HubRepository, 'files'>): Selection {
  const byName = new Map(files.map((file) => [file.name, file]));
  const ggufs = files.filter(({ name }) => /\.gguf$/i.test(name)).map(({ name }) => name);
  if (reference.file !== undefined) return oneGguf(reference, reference.file, byName, ggufs);
  const hasWeights = byName.has(weights) || byName.has(index);
  if (byName.has('config.json') && hasWeights) {
    const missing = needed.find((name) => !byName.has(name));
    if (missing) throw new UserError(`${reference.repository} has no ${missing}: Palate cannot use it.`);
    const names = [...needed, ...welcome, byName.has(weights) ? weights : index];
    const chosen = names.flatMap((name) => byName.get(name) ?? []);
    return { files: chosen, ...(!byName.has(weights) && { index }) };
  }
  const usable = ggufs.filter((name) => !isSplitGguf(name));
  if (usable.length === 1) return oneGguf(reference, usable[0], byName, ggufs);
  if (usable.length > 1) throw new UserError(severalSentence(reference, usable.filter(isPlainPath)));
  if (ggufs.length > 0) throw splitError(reference.repository, ggufs[0]);
  throw noModel(reference.repository, [...byName.keys()]);
}

/** The files that an index names. @throws UserError for names that lead elsewhere, and for what the hub does not have */
export function selectShards(
  { repository }: HubReference,
  names: readonly string[],
  { files }: Pick<HubRepository, 'files'>,
): HubFile[] {
  return names.map((name) => {
    const strange = name.includes('/') || !isPlainPath(name) || !name.endsWith('.safetensors');
    if (strange) throw new UserError(`${repository}: ${index} names ${JSON.stringify(name)}, which is no plain name.`);
    const found = files.find((file) => file.name === name);
    if (!found) throw new UserError(`${repository}: ${index} names ${name}, which is not in the repository.`);
    return found;
  });
}

function oneGguf(
  reference: HubReference,
  name: string,
  byName: ReadonlyMap<string, HubFile>,
  ggufs: readonly string[],
): Selection {
  const file = byName.get(name);
  const { repository } = reference;
  if (!isPlainPath(name))
    throw new UserError(`${repository} calls a file ${JSON.stringify(name)}, which is no plain name.`);
  if (!file) {
    const whole = { repository, revision: reference.revision };
    const others =
      ggufs.length === 0 ? 'it holds no GGUF file at all' : severalSentence(whole, ggufs.filter(isPlainPath));
    throw new UserError(`${repository} has no file ${name}: ${others}`);
  }
  if (isSplitGguf(name)) throw splitError(repository, name);
  return { gguf: name, files: [file] };
}

function splitError(repository: string, name: string): UserError {
  return new UserError(
    `${repository}: ${JSON.stringify(name)} is one part of several; Palate reads a GGUF that is one file. Take a smaller quantisation.`,
  );
}

function noModel(repository: string, names: readonly string[]): UserError {
  const pickle = names.find((name) => /\.(bin|pt|pth|ckpt|pkl|pickle)$/i.test(name));
  if (names.includes('adapter_config.json')) {
    return new UserError(`${repository} is an adapter, not a model: add the base model that it belongs to.`);
  }
  if (pickle) {
    return new UserError(
      `${repository} holds its weights as Python pickles only (${JSON.stringify(pickle)}), which can run code when they are opened; Palate never opens one. Take a repository with model.safetensors or a GGUF file.`,
    );
  }
  return new UserError(
    `${referenceText({ repository })} holds no model that Palate reads: neither config.json with model.safetensors nor a GGUF file.`,
  );
}
