import { adapterName } from '../../../models/layers.ts';
import type { Adapter, WeightTensor } from './types.ts';

/**
 * The weight `name` of the base with the adapter worked in: W + alpha / rank · B A (Hu et al. 2021), where the adapter
 * has matrices for it. Changes and gives back `weight` itself; [out, in], A [rank, in], B [out, rank].
 */
export function mergeInto(weight: WeightTensor, name: string, adapter: Adapter): WeightTensor {
  const module = name.slice(0, -'.weight'.length);
  const [down, up] = (['A', 'B'] as const).map((part) => adapter.tensors.get(adapterName(module, part)));
  if (!name.endsWith('.weight') || down === undefined || up === undefined) return weight;
  const [rows, columns] = weight.shape;
  const { rank } = adapter;
  const scale = adapter.alpha / rank;
  const sum = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * up.data[row * rank + k];
      for (let column = 0; column < columns; column++) sum[column] += factor * down.data[k * columns + column];
    }
    for (let column = 0; column < columns; column++) weight.data[row * columns + column] += sum[column];
  }
  return weight;
}
