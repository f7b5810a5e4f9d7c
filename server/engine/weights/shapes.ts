import type { DecoderShape } from '../../../models/decoder.ts';
import type { GemmaConfig } from '../../../models/gemma.ts';
import type { LlamaConfig, RotaryShape } from '../../../models/llama.ts';
import { type ModelConfig, weightShapes } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { count, listed } from './files.ts';

/** Names and shapes of a model's weights, and the bounds that a believable configuration keeps. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Hugging Face names and shapes ([rows, columns] of y = W x) of every weight, as models/ declares them. */
export function namedShapes(config: ModelConfig): NamedShape[] {
  return weightShapes(config).map(([name, shape]) => ({ name, shape }));
}

/** The number of weights of a model of this shape. */
export function parameterCount(config: ModelConfig): number {
  return weightShapes(config).reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/**
 * Compares the tensors of a file with those that the configuration asks for. Throws a UserError that lists what is
 * missing, unexpected or of another shape.
 */
export function checkShapes(
  where: string,
  expected: readonly NamedShape[],
  found: ReadonlyMap<string, readonly number[]>,
): void {
  const problems: string[] = [];
  const missing = expected.filter(({ name }) => !found.has(name)).map(({ name }) => name);
  if (missing.length) problems.push(`missing: ${listed(missing)}`);
  const known = new Set(expected.map(({ name }) => name));
  const unexpected = [...found.keys()].filter((name) => !known.has(name));
  if (unexpected.length) problems.push(`unexpected: ${listed(unexpected)}`);
  const wrong = expected.flatMap(({ name, shape }) => {
    const other = found.get(name);
    if (!other || (other.length === shape.length && other.every((size, axis) => size === shape[axis]))) return [];
    return [`${name} is [${other.join(', ')}] instead of [${shape.join(', ')}]`];
  });
  if (wrong.length) problems.push(`of another shape than the configuration says: ${listed(wrong)}`);
  if (problems.length)
    throw new UserError(
      `${where}: the tensors do not fit. ${problems.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`).join(' ')}`,
    );
}

/** Bounds beyond which a configuration is an error, not a model: they stop absurd files before anything is allocated. */
const BOUNDS: readonly Bound<keyof DecoderShape>[] = [
  { key: 'layers', from: 1, to: 1000, whole: true },
  { key: 'width', from: 1, to: 65536, whole: true },
  { key: 'heads', from: 1, to: 1024, whole: true },
  { key: 'keyValueHeads', from: 1, to: 1024, whole: true },
  { key: 'headWidth', from: 2, to: 1024, whole: true },
  { key: 'feedForward', from: 1, to: 1 << 19, whole: true },
  { key: 'vocabulary', from: 1, to: 1 << 21, whole: true },
  { key: 'maxPositions', from: 1, to: 1 << 27, whole: true },
  { key: 'normEpsilon', from: 1e-12, to: 0.1, whole: false },
];
const THETA_BOUNDS: readonly Bound<'ropeTheta'>[] = [{ key: 'ropeTheta', from: 1, to: 1e12, whole: false }];
const GEMMA_BOUNDS: readonly Bound<'queryScalar'>[] = [{ key: 'queryScalar', from: 1, to: 65536, whole: false }];

interface Bound<Key> {
  readonly key: Key;
  readonly from: number;
  readonly to: number;
  readonly whole: boolean;
}

/**
 * Refuses a shape that no model has. `field` gives a key's name as the file spells it, so that the message can be
 * followed.
 */
export function checkPlausible<Config extends DecoderShape>(
  where: string,
  config: Config,
  field: (key: keyof Config & string) => string,
  bounds: readonly Bound<keyof Config & string>[] = BOUNDS,
): void {
  for (const { key, from, to, whole } of bounds) {
    const value = config[key] as number;
    if (!(value >= from && value <= to) || (whole && !Number.isInteger(value))) {
      throw new UserError(
        `${where}: ${field(key)} is ${count(value)}; a ${whole ? 'whole ' : ''}number from ${count(from)} to ${count(to)} is possible.`,
      );
    }
  }
}

/** The same for a model of the Llama family. */
export function checkLlama(where: string, config: LlamaConfig, field: (key: keyof LlamaConfig) => string): void {
  checkPlausible(where, config, field);
  checkHeads(where, config, field);
}

/** The same for a model of the Gemma family. */
export function checkGemma(where: string, config: GemmaConfig, field: (key: keyof GemmaConfig) => string): void {
  checkPlausible(where, config, field);
  checkPlausible(where, config, field, GEMMA_BOUNDS);
  checkHeads(where, config, field);
  const { local } = config;
  if (local === undefined) return;
  checkPlausible(where, { ...config, ropeTheta: local.ropeTheta }, () => field('local'), THETA_BOUNDS);
}

/** What rotary positions and groups of heads ask for. */
function checkHeads<Config extends DecoderShape & RotaryShape>(
  where: string,
  config: Config,
  field: (key: 'heads' | 'keyValueHeads' | 'headWidth' | 'ropeTheta' | 'ropeScaling') => string,
): void {
  checkPlausible<DecoderShape & RotaryShape>(where, config, field as (key: string) => string, THETA_BOUNDS);
  if (config.heads % config.keyValueHeads !== 0) {
    throw new UserError(
      `${where}: ${field('heads')} is ${config.heads}, which is not a multiple of ${field('keyValueHeads')}, ${config.keyValueHeads}.`,
    );
  }
  if (config.headWidth % 2 !== 0) {
    throw new UserError(
      `${where}: ${field('headWidth')} is ${config.headWidth}; rotary positions need an even number.`,
    );
  }
  checkScaling(`${where}: ${field('ropeScaling')}`, config);
}

function checkScaling(where: string, { ropeScaling: scaling, headWidth }: RotaryShape): void {
  if (scaling === undefined) return;
  const check = (what: string, value: number, from: number, to: number) => {
    if (value >= from && value <= to) return;
    throw new UserError(`${where}: ${what} is ${value}; a number from ${count(from)} to ${count(to)} is possible.`);
  };
  if (scaling.type === 'factors') {
    if (scaling.factors.length !== headWidth / 2) {
      throw new UserError(`${where}: ${scaling.factors.length} factors, and a head has ${headWidth / 2} rotary pairs.`);
    }
    for (const factor of scaling.factors) check('a factor', factor, 0.001, 1e6);
    return;
  }
  check('the factor', scaling.factor, 1, 1e6);
  if (scaling.type === 'linear') return;
  check('the low frequency factor', scaling.lowFrequencyFactor, 0.001, 1e6);
  check('the high frequency factor', scaling.highFrequencyFactor, 0.001, 1e6);
  check('the original number of positions', scaling.originalPositions, 1, 1 << 27);
  if (scaling.highFrequencyFactor > scaling.lowFrequencyFactor) return;
  throw new UserError(`${where}: the high frequency factor must be above the low one, ${scaling.lowFrequencyFactor}.`);
}
