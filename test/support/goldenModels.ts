import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChatMessage } from '../../server/engine/weights/types.ts';
import { packageRoot } from '../../server/paths.ts';

/** What Transformers and PEFT made of tiny models (test/support/golden/README.md). */

export interface GoldenRows {
  readonly ids: readonly (readonly number[])[];
  readonly lengths: readonly number[];
  readonly promptLengths: readonly number[];
}
export interface Differentiated {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly norms: Readonly<Record<string, number>>;
  readonly gradients: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>
  >;
}
export interface Greedy {
  readonly ids: readonly number[];
  readonly logps: readonly number[];
  readonly finished: boolean;
}
export interface GoldenModel {
  readonly folder: string;
  readonly rows: GoldenRows;
  readonly tokenizer: {
    readonly texts: readonly { readonly text: string; readonly ids: readonly number[]; readonly decoded: string }[];
    readonly chat: {
      readonly messages: readonly ChatMessage[];
      readonly ids: readonly number[];
      readonly generationIds: readonly number[];
    };
  };
  readonly base: {
    readonly logits: readonly (readonly (readonly number[])[])[];
    readonly logps: readonly (readonly number[])[];
    readonly temperature: number;
    readonly logpsAtTemperature: readonly (readonly number[])[];
    readonly entropyAtTemperature: readonly (readonly number[])[];
    readonly greedy: readonly Greedy[];
  };
  readonly fullParameter: Differentiated;
  readonly adapter: Differentiated & {
    readonly folder: string;
    readonly lastLogits: readonly (readonly number[])[];
    readonly logps: readonly (readonly number[])[];
    readonly greedy: readonly Greedy[];
  };
  readonly reward?: {
    readonly folder: string;
    readonly rows: GoldenRows;
    readonly scores: readonly number[];
    readonly bradleyTerry: Differentiated;
  };
}

export const goldenFolder = join(packageRoot(), 'test/support/golden');

/** llama.json's two models, and those of the other families. */
export const goldenModels = ['llama.json', 'families.json', 'gpt2.json', 'gemma.json'].flatMap((file) => {
  const { models } = JSON.parse(readFileSync(join(goldenFolder, file), 'utf8')) as {
    readonly models: Readonly<Record<string, GoldenModel>>;
  };
  return Object.entries(models).map(([name, model]) => ({ name, model }));
});

/** Tokenizers like Gemma's have no name in llama.cpp that Palate can write: such models leave as safetensors alone. */
export const leavesAsGguf = (name: string) => !name.startsWith('gemma');
