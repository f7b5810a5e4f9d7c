import { type LlamaConfig, rotaryDivisors } from '../../../models/llama.ts';
import type { ModelConfig } from '../../../models/network.ts';
import { UserError } from '../../errors.ts';
import { type FamilyName, familyOf, type LlamaFamily, llamaFamilyOf } from './families.ts';
import { listed, type OpenFile } from './files.ts';
import { gemmaEntries } from './gemmaGguf.ts';
import type { GgufFile } from './gguf.ts';
import { ggufKey } from './ggufModel.ts';
import { DIVISORS, ggufName, hasPairedRows, isShiftedNorm, joinRotaryPairs } from './ggufNames.ts';
import { GGUF_FORMATS, type GgufFormat, type GgufTensorSource, ggufEntry } from './ggufWriter.ts';
import { gpt2Entries } from './gpt2Weights.ts';
import { namedShapes } from './shapes.ts';

/** What a GGUF file of a model says, and how its weights stand in it, as llama.cpp reads them. */

/** The general and the model's own entries. */
export function configEntries(name: string, config: ModelConfig): Uint8Array[] {
  const family = familyOf(config);
  return [
    ggufEntry('general.architecture', 'string', family),
    ggufEntry('general.type', 'string', 'model'),
    ggufEntry('general.name', 'string', name),
    ...ownEntries(config),
  ];
}

function ownEntries(config: ModelConfig): Uint8Array[] {
  if (config.family === undefined) return llamaEntries(config, llamaFamilyOf(config));
  return config.family === 'gpt2' ? gpt2Entries(config) : gemmaEntries(config);
}

function llamaEntries(config: LlamaConfig, family: LlamaFamily): Uint8Array[] {
  const { ropeScaling } = config;
  const numbers = (key: keyof LlamaConfig, type: 'uint32' | 'float32') =>
    ggufEntry(ggufKey(family, key), type, config[key] as number);
  const width = (key: string) => ggufEntry(`${family}.${key}`, 'uint32', config.headWidth);
  return [
    numbers('layers', 'uint32'),
    numbers('maxPositions', 'uint32'),
    numbers('width', 'uint32'),
    numbers('feedForward', 'uint32'),
    numbers('heads', 'uint32'),
    numbers('keyValueHeads', 'uint32'),
    numbers('ropeTheta', 'float32'),
    numbers('normEpsilon', 'float32'),
    numbers('vocabulary', 'uint32'),
    ...['attention.key_length', 'attention.value_length', 'rope.dimension_count'].map(width),
    ...(ropeScaling?.type === 'linear'
      ? [
          ggufEntry(`${family}.rope.scaling.type`, 'string', 'linear'),
          ggufEntry(`${family}.rope.scaling.factor`, 'float32', ropeScaling.factor),
        ]
      : []),
  ];
}

/** llama.cpp's numbers for what a whole file mostly holds. */
const FILE_TYPES = { F16: 1, Q8_0: 7 } as const;

/** What depends on how numbers are kept. */
export function formatEntries(format: keyof typeof FILE_TYPES): Uint8Array[] {
  return [
    ggufEntry('general.file_type', 'uint32', FILE_TYPES[format]),
    ggufEntry('general.quantization_version', 'uint32', 2),
  ];
}

/** The entries of another GGUF file, byte for byte, without those that say how it is stored. */
export function copiedEntries(gguf: GgufFile, file: OpenFile): Uint8Array[] {
  const own = /^(general\.(file_type|quantization_version|alignment)$|split\.)/;
  return [...gguf.entries]
    .filter(([key]) => !own.test(key))
    .map(([, { offset, bytes }]) => {
      const entry = new Uint8Array(bytes);
      file.read(entry, offset);
      return entry;
    });
}

/**
 * The tensors of a file whose matrices are kept as `format`, vectors as float32; `read` gives a weight by its Hugging Face
 * name. Throws a UserError where llama.cpp does not compute what the configuration says.
 */
export function ggufTensorSources(
  { family, config }: { readonly family: FamilyName; readonly config: ModelConfig },
  format: GgufFormat,
  read: (name: string) => Float32Array,
): GgufTensorSource[] {
  const sources: GgufTensorSource[] = [];
  const homeless: string[] = [];
  for (const { name, shape } of namedShapes(config)) {
    const inFile = ggufName(name, family);
    if (inFile === undefined) homeless.push(name);
    else
      sources.push({
        name: inFile,
        shape,
        format: formatFor(inFile, shape, format),
        read: () => inOrder(name, shape, read(name)),
      });
  }
  const divisors = divisorsOf(config);
  if (divisors !== undefined && family !== 'llama') homeless.push(DIVISORS);
  if (homeless.length > 0) {
    throw new UserError(
      `llama.cpp has no place for ${listed(homeless)} in models of the architecture "${family}". Export as safetensors instead.`,
    );
  }
  if (divisors === undefined) return sources;
  return [...sources, { name: DIVISORS, shape: [divisors.length], format: 'F32', read: () => divisors }];

  function inOrder(name: string, [, columns = 1]: readonly number[], data: Float32Array): Float32Array {
    const { headWidth } = config;
    if (isShiftedNorm(name, family)) return data.map((added) => 1 + added);
    return hasPairedRows(name, family) ? joinRotaryPairs(data, { headWidth, columns }) : data;
  }
}

/** What a file holds as a tensor of its own: scaled rotary positions, where the scaling is not linear. */
function divisorsOf(config: ModelConfig): Float32Array | undefined {
  if (config.family === 'gpt2' || config.ropeScaling === undefined || config.ropeScaling.type === 'linear')
    return undefined;
  return Float32Array.from(rotaryDivisors(config));
}

/** Learned positions stay whole, and rows that do not fill blocks half, as llama.cpp's converter does it. */
function formatFor(name: string, shape: readonly number[], format: GgufFormat): GgufFormat {
  if (shape.length === 1 || name === 'position_embd.weight') return 'F32';
  return shape[1] % GGUF_FORMATS[format].blockSize === 0 ? format : 'F16';
}
