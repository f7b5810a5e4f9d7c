/**
 * Frozen matrices as signed bytes, for products with unsigned bytes (Jacob et al. 2018, "Quantization and Training of
 * Neural Networks for Efficient Integer-Arithmetic-Only Inference", with one scale a column instead of one a matrix).
 */
import type { BaseModel, WeightTensor } from './types.ts';

/** Which product a matrix W [out, in] is kept for: x Wᵀ, or dy W. */
export type Int8Use = 'forward' | 'adjoint';

/** The right operand of a product: number [k, n] = values[k · columns + n] · scales[n]. */
export interface Int8Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** The names under which a graph reads a matrix of the base as bytes. */
export function int8Names(weight: string, use: Int8Use): { readonly values: string; readonly scales: string } {
  return { values: `${weight}.int8.${use}`, scales: `${weight}.int8.${use}.scales` };
}

/**
 * W [out, in] as the right operand of the product, each of its columns on a scale of its own, so that its largest
 * magnitude becomes `largest` (at most 127): forward Wᵀ [in, out], adjoint W [out, in] itself.
 */
export function toInt8({ shape, data }: WeightTensor, use: Int8Use, largest: number): Int8Matrix {
  const [out, inner] = shape;
  return use === 'forward' ? transposed(data, out, inner, largest) : straight(data, out, inner, largest);
}

function straight(data: Float32Array, rows: number, columns: number, largest: number): Int8Matrix {
  const scales = new Float32Array(columns);
  for (let k = 0; k < data.length; ) {
    for (let n = 0; n < columns; n++, k++) scales[n] = Math.max(scales[n], Math.abs(data[k]));
  }
  const factors = scales.map((most) => (most > 0 ? largest / most : 0));
  const values = new Int8Array(data.length);
  for (let k = 0; k < data.length; ) {
    for (let n = 0; n < columns; n++, k++) values[k] = Math.round(data[k] * factors[n]);
  }
  return { rows, columns, values, scales: scales.map((most) => most / largest) };
}

/** Rows of the source that are turned together: their columns lie side by side in the result. */
const block = 64;

function transposed(data: Float32Array, out: number, inner: number, largest: number): Int8Matrix {
  const factors = new Float32Array(out);
  const scales = new Float32Array(out);
  for (let n = 0; n < out; n++) {
    let most = 0;
    for (let k = n * inner; k < (n + 1) * inner; k++) most = Math.max(most, Math.abs(data[k]));
    factors[n] = most > 0 ? largest / most : 0;
    scales[n] = most / largest;
  }
  const values = new Int8Array(data.length);
  for (let start = 0; start < out; start += block) {
    const end = Math.min(out, start + block);
    for (let k = 0; k < inner; k++) {
      for (let n = start; n < end; n++) values[k * out + n] = Math.round(data[n * inner + k] * factors[n]);
    }
  }
  return { rows: inner, columns: out, values, scales };
}

/** What of a base has been turned into bytes so far; every graph on it shares them. */
export class Int8Weights {
  /** Bytes that are held. */
  bytes = 0;
  private readonly weights: BaseModel['weights'];
  private readonly largest: number;
  private readonly known = new Map<string, Int8Matrix>();

  constructor(weights: BaseModel['weights'], largest: number) {
    this.weights = weights;
    this.largest = largest;
  }

  /** What to feed to those of a graph's inputs that `int8Names` gives; each matrix is turned when it is first asked for. */
  feedsFor(inputs: Iterable<string>): Record<string, Int8Array | Float32Array> {
    const feeds: Record<string, Int8Array | Float32Array> = {};
    for (const input of inputs) {
      const parts = /^(.*)\.int8\.(forward|adjoint)(?:\.scales)?$/.exec(input);
      if (parts === null) continue;
      const [, weight, use] = parts as unknown as [string, string, Int8Use];
      const matrix = this.matrix(weight, use);
      const names = int8Names(weight, use);
      feeds[names.values] = matrix.values;
      feeds[names.scales] = matrix.scales;
    }
    return feeds;
  }

  private matrix(weight: string, use: Int8Use): Int8Matrix {
    const key = int8Names(weight, use).values;
    let matrix = this.known.get(key);
    if (matrix === undefined) {
      const source = this.weights.get(weight);
      if (source === undefined) throw new Error(`The base has no weight ${weight} to make bytes of.`);
      matrix = toInt8(source, use, this.largest);
      this.bytes += matrix.values.byteLength + matrix.scales.byteLength;
      this.known.set(key, matrix);
    }
    return matrix;
  }
}
