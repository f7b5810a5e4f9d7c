import * as v from 'valibot';
import { engineNames } from '../protocol/types.ts';

/** palate.json. Unknown keys are errors; the editor's JSON schema is generated from it. */
export const projectConfig = v.strictObject({
  $schema: v.optional(v.string()),
  version: v.literal(1),
  /** "embedded", or a GGUF file or Hugging Face folder, relative to palate.json. */
  model: v.optional(v.string(), 'embedded'),
  engine: v.optional(v.picklist(engineNames), 'onnx'),
  device: v.optional(v.picklist(['auto', 'cpu']), 'auto'),
  seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  generate: v.optional(
    v.strictObject({
      /** Responses a prompt. */
      samples: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)), 2),
      maxNewTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 128),
      temperature: v.optional(v.pipe(v.number(), v.gtValue(0)), 1),
    }),
    {},
  ),
  compare: v.optional(
    v.strictObject({
      scale: v.optional(v.picklist([2, 4, 6, 8]), 4),
      aspects: v.optional(v.array(v.string()), []),
      /** A Markdown file, relative to palate.json. */
      guidelines: v.optional(v.string(), 'guidelines.md'),
      /** Share of pairs that come back with sides swapped. */
      repeat: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.05),
      seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
    }),
    {},
  ),
  /** Settings of the stages, as `palate train --config` takes them. */
  stages: v.optional(v.record(v.string(), v.unknown()), {}),
});
export type ProjectConfig = v.InferOutput<typeof projectConfig>;
