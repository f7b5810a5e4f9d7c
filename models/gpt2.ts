import type { Block, DecoderShape, Network, Tokens } from './decoder.ts';
import { baseMatrix, layerNorm, linear, type NetworkContext } from './layers.ts';
import type { Tensor } from './ops.ts';

/** The shape of one model of the GPT-2 family: n_layer, n_embd, n_head, n_inner, n_positions, layer_norm_epsilon. */
export interface Gpt2Config extends DecoderShape {
  readonly family: 'gpt2';
}

/** The linear modules by PEFT's names; attention and feed-forward each have a c_proj. */
export const gpt2Modules = ['c_attn', 'c_proj', 'c_fc'] as const;

const embeddingName = 'transformer.wte.weight';
const positionsName = 'transformer.wpe.weight';

/** GPT-2 (Radford et al. 2019): learned positions, norms with a bias, biases everywhere, GELU, queries, keys and values in one. */
export function gpt2(config: Gpt2Config): Network {
  const { layers, width, vocabulary, feedForward, normEpsilon, maxPositions } = config;
  const layerModules = (layer: number): [string, [number, number]][] => [
    [`transformer.h.${layer}.attn.c_attn`, [3 * width, width]],
    [`transformer.h.${layer}.attn.c_proj`, [width, width]],
    [`transformer.h.${layer}.mlp.c_fc`, [feedForward, width]],
    [`transformer.h.${layer}.mlp.c_proj`, [width, feedForward]],
  ];
  return {
    shape: config,
    linearModules: gpt2Modules,
    embeddingName,
    layerModules,
    tables: () => ({}),
    tableBytes: 0,
    weightShapes() {
      const both = (module: string, shape: number[]): [string, number[]][] => [
        [`${module}.weight`, shape],
        [`${module}.bias`, shape.slice(0, 1)],
      ];
      const shapes: [string, number[]][] = [
        [embeddingName, [vocabulary, width]],
        [positionsName, [maxPositions, width]],
      ];
      for (let layer = 0; layer < layers; layer++) {
        for (const part of ['ln_1', 'ln_2']) shapes.push(...both(`transformer.h.${layer}.${part}`, [width]));
        for (const [module, shape] of layerModules(layer)) shapes.push(...both(module, shape));
      }
      shapes.push(...both('transformer.ln_f', [width]));
      if (!config.tiedEmbedding) shapes.push(['lm_head.weight', [vocabulary, width]]);
      return shapes;
    },
    embed(context, { ids, positions }) {
      const { ops } = context;
      const tokens = ops.embedding(baseMatrix(context, embeddingName, [vocabulary, width]), ids);
      return ops.add(tokens, ops.embedding(baseMatrix(context, positionsName, [maxPositions, width]), positions));
    },
    block: (context, tokens) => gpt2Block(context, config, tokens),
    finalNorm: (context, x) => layerNorm(context, x, 'transformer.ln_f', normEpsilon),
  };
}

/** x + attention(norm(x)), then x + feedForward(norm(x)). */
function gpt2Block(context: NetworkContext, config: Gpt2Config, { batch, time }: Tokens): Block {
  const { ops } = context;
  const { width, heads, headWidth, feedForward, normEpsilon } = config;
  const apply = (x: Tensor, module: string, shape: readonly [number, number]) =>
    linear(context, x, module, shape, { bias: true });
  return (x, layer, attend) => {
    const at = `transformer.h.${layer}`;
    const joined = apply(layerNorm(context, x, `${at}.ln_1`, normEpsilon), `${at}.attn.c_attn`, [3 * width, width]);
    const [query, key, value] = [0, 1, 2].map((part) => {
      const flat = ops.slice(joined, 1, part * width, (part + 1) * width); // [N, D]
      return ops.transpose(ops.reshape(flat, [batch, time, heads, headWidth]), [0, 2, 1, 3]); // [B, H, T, E]
    });
    const mixed = attend(ops.mul(query, headWidth ** -0.5), key, value, layer); // [B, H, T, E]
    const together = ops.reshape(ops.transpose(mixed, [0, 2, 1, 3]), [x.shape[0], width]);
    const attended = ops.add(x, apply(together, `${at}.attn.c_proj`, [width, width]));
    const after = layerNorm(context, attended, `${at}.ln_2`, normEpsilon);
    const inner = ops.gelu(apply(after, `${at}.mlp.c_fc`, [feedForward, width])); // [N, F]
    return ops.add(attended, apply(inner, `${at}.mlp.c_proj`, [width, feedForward]));
  };
}
