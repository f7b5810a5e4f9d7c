import type { RopeScaling } from '../../../models/llama.ts';
import { UserError } from '../../errors.ts';
import type { FamilyName } from './families.ts';
import type { GgufFile } from './gguf.ts';
import { metadataNumber, shownValue } from './ggufValues.ts';

/** Fields of GGUF's metadata that several families share. */

/** llama.cpp takes a factor without a type for a linear one. */
export function ggufScaling(gguf: GgufFile, family: FamilyName): RopeScaling | undefined {
  const type = gguf.metadata.get(`${family}.rope.scaling.type`) ?? 'linear';
  if (type === 'none') return undefined;
  if (type !== 'linear') {
    throw new UserError(
      `${gguf.path}: ${family}.rope.scaling.type is ${shownValue(type)}: this way of scaling rotary positions is not supported by Palate; "linear", and that of Llama 3, are.`,
    );
  }
  const older = metadataNumber(gguf, `${family}.rope.scale_linear`, 1);
  const factor = metadataNumber(gguf, `${family}.rope.scaling.factor`, older);
  return factor === 0 || factor === 1 ? undefined : { type: 'linear', factor };
}

/** Throws a UserError where parts of a head differ in width. */
export function refuseDifferentHeadWidths(
  gguf: GgufFile,
  family: FamilyName,
  config: { readonly headWidth: number },
): void {
  for (const part of ['attention.value_length', 'rope.dimension_count']) {
    const key = `${family}.${part}`;
    const value = metadataNumber(gguf, key, config.headWidth);
    if (value !== config.headWidth) {
      throw new UserError(
        `${gguf.path}: ${key} is ${value}, and a head is ${config.headWidth} wide; Palate reads models where both are the same.`,
      );
    }
  }
}
