import * as v from 'valibot';
import { type LlamaConfig, type RopeScaling, rotaryDivisors } from '../../../models/llama.ts';
import { UserError } from '../../errors.ts';
import { shown } from './files.ts';

/** Scaled rotary positions as config.json and GGUF files spell them. */

/** The keys of config.json that say how positions are rotated: Transformers 5 writes rope_parameters, 4 the others. */
export interface RopeKeys {
  readonly rope_theta?: number | null;
  readonly rope_parameters?: Readonly<Record<string, unknown>> | null;
  readonly rope_scaling?: Readonly<Record<string, unknown>> | null;
}

const factors = v.pipe(v.array(v.number()), v.maxLength(512));
const schemas = {
  linear: v.object({ factor: v.number() }),
  llama3: v.object({
    factor: v.number(),
    low_freq_factor: v.number(),
    high_freq_factor: v.number(),
    original_max_position_embeddings: v.nullish(v.number()),
  }),
  longrope: v.object({ short_factor: factors, long_factor: factors, attention_factor: v.literal(1) }),
};

/** Theta and the scaling of a configuration in the file `path`. Throws a UserError that names the key. */
export function readRope(path: string, keys: RopeKeys, maxPositions: number): { theta: number; scaling?: RopeScaling } {
  const [key, rope] = keys.rope_scaling
    ? (['rope_scaling', keys.rope_scaling] as const)
    : (['rope_parameters', keys.rope_parameters ?? {}] as const);
  const { partial_rotary_factor: part, mrope_section: sections } = rope;
  if ((part !== undefined && part !== 1) || sections !== undefined) {
    const [name, what] = sections === undefined ? ['partial_rotary_factor', part] : ['mrope_section', sections];
    throw new UserError(`${path}: ${key}.${name} is ${shown(what)}: partly rotated heads are not supported by Palate.`);
  }
  const theta = rope.rope_theta ?? keys.rope_parameters?.rope_theta ?? keys.rope_theta ?? 10000;
  if (typeof theta !== 'number')
    throw new UserError(`${path}: ${key}.rope_theta is ${shown(theta)}; a number is expected.`);
  const typeKey = rope.rope_type === undefined && rope.type !== undefined ? 'type' : 'rope_type';
  const type = rope[typeKey] ?? 'default';
  if (type === 'default') return { theta };
  return { theta, scaling: readScaling(path, { key, typeKey, type }, rope, maxPositions) };
}

function readScaling(
  path: string,
  { key, typeKey, type }: { readonly key: string; readonly typeKey: string; readonly type: unknown },
  rope: object,
  maxPositions: number,
): RopeScaling {
  const parse = <Schema extends v.GenericSchema>(schema: Schema): v.InferOutput<Schema> => {
    const parsed = v.safeParse(schema, rope);
    if (parsed.success) return parsed.output;
    const issue = parsed.issues[0];
    throw new UserError(`${path}: ${key}.${v.getDotPath(issue)}: ${issue.message}.`);
  };
  if (type === 'linear') return { type, factor: parse(schemas.linear).factor };
  if (type === 'llama3') {
    const given = parse(schemas.llama3);
    return {
      type,
      factor: given.factor,
      lowFrequencyFactor: given.low_freq_factor,
      highFrequencyFactor: given.high_freq_factor,
      originalPositions: given.original_max_position_embeddings ?? maxPositions,
    };
  }
  // The same factors at every length, which is how `writeRopeScaling` keeps those of a GGUF file.
  const parsed = type === 'longrope' ? v.safeParse(schemas.longrope, rope) : undefined;
  if (parsed?.success && String(parsed.output.short_factor) === String(parsed.output.long_factor)) {
    return { type: 'factors', factors: parsed.output.short_factor };
  }
  throw new UserError(
    `${path}: ${key}.${typeKey} is ${shown(type)}: this way of scaling rotary positions is not supported by Palate; "linear" and "llama3" are.`,
  );
}

/** The value of rope_scaling that `readRope` and Transformers read back as `scaling`. */
export function writeRopeScaling(scaling: RopeScaling, maxPositions: number): Record<string, unknown> {
  switch (scaling.type) {
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalPositions,
      };
    case 'factors': {
      const { factors } = scaling;
      const neutral = { factor: 1, attention_factor: 1, original_max_position_embeddings: maxPositions };
      return { rope_type: 'longrope', short_factor: factors, long_factor: factors, ...neutral };
    }
  }
}

/**
 * The scaling behind GGUF's tensor of divisors, one for each pair. Converters compute it from Llama 3's settings, which
 * all published models share but for the factor; other divisors are kept as they are.
 */
export function scalingOfDivisors(config: LlamaConfig, divisors: readonly number[]): RopeScaling | undefined {
  if (divisors.every((divisor) => divisor === 1)) return undefined;
  const factor = divisors.reduce((most, divisor) => Math.max(most, divisor), 1);
  const shared = { lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 8192 };
  const llama3: RopeScaling = { type: 'llama3', factor, ...shared };
  const expected = rotaryDivisors({ ...config, ropeScaling: llama3 });
  const same =
    expected.length === divisors.length && expected.every((value, k) => Math.abs(divisors[k] / value - 1) < 1e-6);
  return same ? llama3 : { type: 'factors', factors: divisors };
}
