import type { Packed, Slot } from '../runtime.ts';
import type { Emitter } from './emitter.ts';

const products = new Set(['Gemm', 'MatMul', 'MatMulIntegerToFloat']);

/**
 * Makes constants of the right-hand sides of products that `packed` has values for: the runtime packs those once, when the
 * session is opened, and inputs at every run. What else reads such a matrix (a look-up) reads the input. Returns the values
 * by the names under which the session is to be handed them.
 */
export function packInto(emitter: Emitter, inputs: Map<string, Slot>, packed: Packed): Record<string, Uint8Array> {
  const external: Record<string, Uint8Array> = {};
  for (const node of emitter.node) {
    const name = node.input[1];
    const slot = products.has(node.opType) ? inputs.get(name) : undefined;
    const values = slot && packed(name);
    if (slot === undefined || values === undefined) continue;
    node.input[1] = emitter.external(name, slot.dtype, slot.shape as readonly number[]);
    external[name] = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  const read = new Set(emitter.node.flatMap(({ input }) => input));
  for (const name of Object.keys(external)) if (!read.has(name)) inputs.delete(name);
  return external;
}
