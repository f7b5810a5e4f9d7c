import { GraphBuilder } from '../../server/engine/onnx/graph.ts';
import type { Build, Feeds } from '../support/checkGradient.ts';
import { random } from '../support/reference/random.ts';
import { sizeOf } from '../support/reference/values.ts';

/**
 * What `build` asks for beyond `given`, filled with random numbers that keep a network lively: matrices scaled by the
 * square root of their width, gains around 1.
 */
export function randomFeeds(build: Build, given: Feeds): Feeds {
  const graph = new GraphBuilder();
  build(graph);
  const leaves = [...graph.inputs, ...graph.parameters, ...graph.weights];
  const missing = leaves.filter(([name]) => !(name in given));
  const filled = missing.map(([name, leaf], k) => {
    const shape = leaf.shape as readonly number[];
    const width = shape[shape.length - 1] ?? 1;
    const limit = Math.sqrt(3 / width);
    const feed = shape.length === 1 ? random(shape, k, 0.5, 1.5) : random(shape, k + sizeOf(shape), -limit, limit);
    return [name, feed] as const;
  });
  return { ...given, ...Object.fromEntries(filled) };
}
