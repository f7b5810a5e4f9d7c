import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { gpt2Modules } from '../../../models/gpt2.ts';
import { scoreName } from '../../../models/heads.ts';
import { adapterName } from '../../../models/layers.ts';
import { linearModules, type ModelConfig, networkOf } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { count, quoted, readJson, restoreInterruptedFolder, shown, writeFolderAtomically } from './files.ts';
import { firstNotFinite } from './numbers.ts';
import { pickleError } from './pickles.ts';
import { readSafetensors, safetensorsChunks } from './safetensors.ts';
import { checkShapes, type NamedShape } from './shapes.ts';
import type { Adapter } from './types.ts';

/**
 * LoRA adapters as PEFT keeps them: a folder of adapter_config.json and adapter_model.safetensors. A reward model is
 * one whose task is SEQ_CLS: it also has the score head, gain folded in; its bias stands in the safetensors metadata.
 */

/** The score head's tensor, [1, D]. */
export const SCORE_NAME = scoreName;
/** The metadata key of the reward's bias, a decimal number. */
export const REWARD_BIAS_KEY = 'palate.reward.bias';
/** The linear modules that can carry an adapter, of all families, in the order that `adapterShapes` keeps. */
export const LORA_MODULES: readonly string[] = linearModules;

/**
 * Names and shapes of the LoRA tensors: layer by layer, in the order of LORA_MODULES, lora_A [rank, inputs] before
 * lora_B [outputs, rank].
 */
export function adapterShapes(config: ModelConfig, rank: number, targetModules: readonly string[]): NamedShape[] {
  const network = networkOf(config);
  const isTarget = (module: string) => targetModules.includes(module.slice(module.lastIndexOf('.') + 1));
  return Array.from({ length: config.layers }, (_, layer) =>
    network
      .layerModules(layer)
      .filter(([module]) => isTarget(module))
      .flatMap(([module, [rows, columns]]) => [
        { name: adapterName(module, 'A'), shape: [rank, columns] },
        { name: adapterName(module, 'B'), shape: [rows, rank] },
      ]),
  ).flat();
}

/** The modules to adapt: those that are asked for, or every linear layer. Throws a UserError where the model has none such. */
export function targetsOf(config: ModelConfig, wanted: readonly string[] | undefined): readonly string[] {
  const { linearModules: own } = networkOf(config);
  const foreign = wanted?.find((name) => !own.includes(name));
  if (foreign === undefined) return wanted ?? own;
  throw new UserError(`targetModules: this model has no ${quoted(foreign)}; it has ${own.join(', ')}.`);
}

/** Reads an adapter folder. Throws a UserError that names file and key where something is damaged or not supported. */
export function readAdapter(folder: string): Adapter {
  restoreInterruptedFolder(folder);
  const configPath = join(folder, 'adapter_config.json');
  if (!existsSync(configPath)) {
    throw new UserError(
      `${resolve(folder)} is not an adapter: it has no adapter_config.json. Give a folder that PEFT or Palate has written.`,
    );
  }
  const settings = readSettings(configPath);
  const weightsPath = join(folder, 'adapter_model.safetensors');
  const pickle = join(folder, 'adapter_model.bin');
  if (!existsSync(weightsPath) && existsSync(pickle)) throw pickleError(pickle);
  const { tensors, metadata } = readSafetensors(weightsPath);
  for (const [name, { data }] of tensors) {
    const bad = firstNotFinite(data);
    if (bad >= 0)
      throw new UserError(
        `${weightsPath}: ${quoted(name)} holds ${data[bad]} (number ${count(bad)}); the adapter is damaged.`,
      );
  }
  if (settings.task === 'SEQ_CLS') checkBias(weightsPath, metadata);
  return { ...settings, tensors, metadata };
}

/** Checks every tensor of an adapter by name and shape against the base model's configuration. Throws a UserError. */
export function checkAdapter(adapter: Adapter, config: ModelConfig, where = 'The adapter'): void {
  const expected = adapterShapes(config, adapter.rank, adapter.targetModules);
  if (adapter.task === 'SEQ_CLS') expected.push({ name: SCORE_NAME, shape: [1, config.width] });
  checkShapes(where, expected, new Map([...adapter.tensors].map(([name, { shape }]) => [name, shape])));
}

/** Writes an adapter folder with PEFT's names, shapes and keys; whole or not at all. */
export function writeAdapter(folder: string, adapter: Adapter, options: { readonly baseModelPath: string }): void {
  const config = `${JSON.stringify(peftConfig(adapter, options.baseModelPath), null, 2)}\n`;
  writeFolderAtomically(
    folder,
    new Map<string, Iterable<Uint8Array | string>>([
      ['adapter_model.safetensors', safetensorsChunks(adapter.tensors, { metadata: adapter.metadata })],
      ['adapter_config.json', [config]],
    ]),
  );
}

/** Options of PEFT 0.21's LoraConfig that Palate leaves at the value that changes nothing. */
// biome-ignore format: a table
const UNUSED = {
  alora_invocation_tokens: null, alpha_pattern: {}, arrow_config: null, auto_mapping: null, bias: 'none', corda_config: null,
  ensure_weight_tying: false, eva_config: null, exclude_modules: null, fan_in_fan_out: false, init_lora_weights: true,
  kasa_config: null, layer_replication: null, layers_pattern: null, layers_to_transform: null, loftq_config: {},
  lora_bias: false, lora_dropout: 0.0, lora_ga_config: null, megatron_config: null, megatron_core: 'megatron.core',
  monteclora_config: null, peft_version: '0.21.2', qalora_group_size: 16, rank_pattern: {}, revision: null,
  target_parameters: null, trainable_token_indices: null, use_bdlora: null, use_dora: false, use_qalora: false,
  use_rslora: false, velora_config: null,
};

/** Modules whose matrices Hugging Face's files hold as [in, out]. PEFT sees that itself, and says so where it is not written. */
const fanInFirst: readonly string[] = gpt2Modules;

/** Keys whose value does not change what a finished adapter computes. */
// biome-ignore format: a table
const WITHOUT_EFFECT = new Set([
  'auto_mapping', 'base_model_name_or_path', 'fan_in_fan_out', 'inference_mode', 'lora_dropout', 'megatron_core', 'peft_version', 'qalora_group_size', 'revision',
  'runtime_config',
]);
const CHECKED = new Set([
  'peft_type',
  'task_type',
  'r',
  'lora_alpha',
  'target_modules',
  'modules_to_save',
  'bias',
  'init_lora_weights',
]);
/** Ways to start that leave the base as it is; the others (PiSSA, OLoRA, CorDA, LoftQ) train beside a changed base. */
const HARMLESS_STARTS: readonly unknown[] = [true, false, 'gaussian', 'orthogonal', 'eva', 'mica'];

function peftConfig(adapter: Adapter, baseModelPath: string): Record<string, unknown> {
  const config = {
    ...UNUSED,
    base_model_name_or_path: baseModelPath,
    fan_in_fan_out: adapter.targetModules.some((name) => fanInFirst.includes(name)),
    inference_mode: true,
    lora_alpha: adapter.alpha,
    modules_to_save: adapter.task === 'SEQ_CLS' ? ['score'] : null,
    peft_type: 'LORA',
    r: adapter.rank,
    target_modules: adapter.targetModules,
    task_type: adapter.task,
  };
  return Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const SettingsSchema = v.object({
  peft_type: v.literal('LORA'),
  task_type: v.picklist(['CAUSAL_LM', 'SEQ_CLS']),
  r: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4096)),
  lora_alpha: v.pipe(v.number(), v.finite(), v.gtValue(0)),
  target_modules: v.pipe(v.array(v.picklist(LORA_MODULES)), v.minLength(1)),
  modules_to_save: v.nullish(v.array(v.picklist(['score', 'classifier']))),
  bias: v.nullish(v.literal('none')),
});

function readSettings(path: string): Pick<Adapter, 'rank' | 'alpha' | 'targetModules' | 'task'> {
  const json = readJson(path, 1 << 20);
  const parsed = v.safeParse(SettingsSchema, json);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw new UserError(
      `${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}. Palate reads plain LoRA adapters of the models that it reads.`,
    );
  }
  for (const [key, value] of Object.entries(json as object)) {
    if (!CHECKED.has(key) && !WITHOUT_EFFECT.has(key) && !isNeutral(value)) throw unsupported(path, key, value);
  }
  const start = (json as { init_lora_weights?: unknown }).init_lora_weights ?? true;
  if (!HARMLESS_STARTS.includes(start)) throw unsupported(path, 'init_lora_weights', start);
  const { r, lora_alpha: alpha, target_modules: modules, task_type: task, modules_to_save: saved } = parsed.output;
  if (task === 'CAUSAL_LM' && saved?.length) throw unsupported(path, 'modules_to_save', saved);
  return { rank: r, alpha, targetModules: LORA_MODULES.filter((name) => modules.includes(name)), task };
}

function isNeutral(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

function unsupported(path: string, key: string, value: unknown): UserError {
  return new UserError(
    `${path}: ${key} is ${shown(value)}, which changes what the adapter computes; Palate reads plain LoRA adapters without it.`,
  );
}

function checkBias(path: string, metadata: Readonly<Record<string, string>>): void {
  const bias = metadata[REWARD_BIAS_KEY];
  if (bias !== undefined && (bias.trim() === '' || !Number.isFinite(Number(bias)))) {
    throw new UserError(`${path}: the metadata ${REWARD_BIAS_KEY} is ${quoted(bias)}; a number is expected.`);
  }
}
