import { readFile, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { type ParseError, parse } from 'jsonc-parser';
import * as v from 'valibot';
import { optionalSetting, parseConfig, setting } from '../config.ts';
import { precisionSetting, stageEntries } from '../engine/stages/config.ts';
import { UserError } from '../errors.ts';
import { embeddedModel, namedModel } from '../library/names.ts';
import { type CompareSettings, deviceChoices, engineNames } from '../protocol/types.ts';
import { fileError } from './fileErrors.ts';

export const projectFile = 'palate.json';
/** The newest version of palate.json, and of the lines of feedback/*.jsonl, that is known here. */
export const projectVersion = 1;

const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));

/** palate.json. Unknown keys are errors; the editor's JSON schema is generated from it (`npm run schema`). */
export const projectConfig = v.strictObject({
  $schema: optionalSetting('Where the schema of this file lies.', v.string()),
  version: v.pipe(v.literal(projectVersion), v.description('Of this file. 1 is the only one.')),
  model: setting(
    '"embedded", a GGUF file or Hugging Face folder of the families Llama, Gemma or GPT-2 relative to palate.json, or a name that `palate model list` shows: org/name.',
    v.pipe(v.string(), v.nonEmpty()),
    embeddedModel,
  ),
  engine: setting('What trains. Responses always come from onnxruntime.', v.picklist(engineNames), 'onnx'),
  precision: precisionSetting,
  device: setting(
    'Where onnxruntime trains: on the best device that works here, or on this one. Responses are generated on the processor.',
    v.picklist(deviceChoices),
    'auto',
  ),
  seed: setting('Of everything that is drawn by chance while generating and training.', whole(0), 0),
  generate: setting(
    'How responses are generated.',
    v.strictObject({
      samples: setting('Responses to each prompt.', v.pipe(whole(1), v.maxValue(16)), 2),
      maxNewTokens: setting('The most tokens of a response.', whole(1), 128),
      temperature: setting(
        'Divides the logits: above 1 is more varied, below 1 more predictable.',
        v.pipe(v.number(), v.gtValue(0), v.finite()),
        1,
      ),
    }),
    {},
  ),
  compare: setting(
    'How responses are compared.',
    v.strictObject({
      scale: setting('Steps of the scale from "A is much better" to "B is much better".', v.picklist([2, 4, 6, 8]), 4),
      aspects: setting(
        'What is rated beside the overall choice.',
        v.pipe(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(100))), v.maxLength(12)),
        [],
      ),
      guidelines: setting('A Markdown file for annotators, relative to palate.json.', v.string(), 'guidelines.md'),
      repeat: setting(
        'Share of pairs that come back later with sides swapped, to measure position bias and self-consistency.',
        v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
        0.05,
      ),
      seed: setting('Of the order in which the two sides are shown.', whole(0), 0),
      tellGold: setting(
        'Whether annotators are told, after a gold question (gold/*.jsonl), if their answer was the right one.',
        v.boolean(),
        true,
      ),
    }),
    {},
  ),
  stages: setting('Settings of the stages of training.', v.strictObject(stageEntries), {}),
});
export type ProjectConfig = v.InferOutput<typeof projectConfig>;

/** What an empty palate.json would say. */
export function defaultConfig(): ProjectConfig {
  return parseConfig(projectConfig, { version: projectVersion }, 'the defaults');
}

/** palate.json as it was found. */
export interface ReadConfig {
  /** What can be labelled with whatever is wrong: each key that is well, and defaults for the rest. */
  readonly usable: ProjectConfig;
  /** What is wrong: training has to wait. */
  readonly error?: UserError;
  /** It was written by a newer version of Palate. */
  readonly newer: boolean;
}

/** Reads `folder`/palate.json. Never throws. */
export async function readProjectConfig(folder: string): Promise<ReadConfig> {
  let value: unknown;
  try {
    value = await readJson(join(folder, projectFile));
    if (isNewer(value)) {
      const sentence = `${projectFile} has version ${JSON.stringify(value.version)}; this Palate knows version ${projectVersion}. Labelling goes on, training is off: update Palate.`;
      return { usable: salvaged(value), error: new UserError(sentence), newer: true };
    }
    return { usable: parseConfig(projectConfig, value, projectFile), newer: false };
  } catch (error) {
    return { usable: salvaged(value), error: fileError(`Cannot read ${projectFile}`, error), newer: false };
  }
}

const mostGuidelines = 200_000;

/** How pairs are shown, with the guidelines' text: '' where there are none, or where they lie outside the project. */
export async function compareSettings(folder: string, { compare }: ProjectConfig): Promise<CompareSettings> {
  const { scale, aspects, guidelines } = compare;
  const path = resolve(folder, guidelines);
  const isInside = path.startsWith(join(folder, sep));
  const text = isInside ? await readFile(path, 'utf8').catch(() => '') : '';
  return { scale, aspects, guidelines: text.slice(0, mostGuidelines) };
}

/** A sentence about a model that cannot be used. */
export function modelProblem(folder: string, model: string): string | undefined {
  const { problem } = namedModel(folder, model);
  return problem === undefined ? undefined : `${projectFile}: model is ${JSON.stringify(model)}, but ${problem}`;
}

const mostBytes = 1e6;

async function readJson(path: string): Promise<unknown> {
  const { size } = await stat(path);
  if (size > mostBytes) throw new UserError(`${projectFile} has ${size} bytes: that cannot be a configuration.`);
  const text = (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${projectFile}${placeOf(text)} is not valid JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** ":3": the line of the first fault. JSON.parse does not always say where it stopped. */
function placeOf(text: string): string {
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true });
  return errors.length === 0 ? '' : `:${text.slice(0, errors[0].offset).split('\n').length}`;
}

function isNewer(value: unknown): value is { version: number } {
  const { version } = (value ?? {}) as { version?: unknown };
  return typeof version === 'number' && version > projectVersion;
}

function salvaged(value: unknown): ProjectConfig {
  return { ...(salvage(projectConfig.entries, value) as ProjectConfig), version: projectVersion };
}

/** Each key that fits its schema, and the default of each that does not. */
function salvage(entries: v.ObjectEntries, value: unknown): Record<string, unknown> {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const pairs = Object.entries(entries).map(([key, schema]) => {
    const found = Object.hasOwn(given, key) ? given[key] : undefined;
    const whole = v.safeParse(schema, found);
    if (whole.success) return [key, whole.output];
    const inner = (schema as { wrapped?: { entries?: v.ObjectEntries } }).wrapped?.entries;
    if (inner) return [key, salvage(inner, found)];
    const fallback = v.safeParse(schema, undefined);
    return [key, fallback.success ? fallback.output : undefined];
  });
  return Object.fromEntries(pairs);
}
