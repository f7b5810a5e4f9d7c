/** Where each trainable tensor lies in one flat vector. */
export interface Layout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly offsets: readonly number[];
  readonly size: number;
}

export function layoutOf(shapes: readonly (readonly [name: string, shape: readonly number[]])[]): Layout {
  const offsets: number[] = [];
  let size = 0;
  for (const [, shape] of shapes) {
    offsets.push(size);
    size += shape.reduce((product, dimension) => product * dimension, 1);
  }
  return { names: shapes.map(([name]) => name), shapes: shapes.map(([, shape]) => shape), offsets, size };
}

/** The tensors of a flat vector by name, sharing its memory. */
export function viewsOf(layout: Layout, flat: Float32Array): Record<string, Float32Array> {
  return Object.fromEntries(
    layout.names.map((name, k) => [name, flat.subarray(layout.offsets[k], layout.offsets[k + 1] ?? layout.size)]),
  );
}
