import type * as tfjs from '@tensorflow/tfjs';
import type { Call, Kernel, TensorFlow } from './kernels.ts';

/** Rows of logits in memory at once. */
const chunkRows = 256;

/** One chunk of logits l = h Eᵀ / temperature [rows, V], and its target tokens, where the operation has some. */
interface Chunk {
  readonly logps: tfjs.Tensor2D;
  readonly probability: tfjs.Tensor2D;
  readonly target: tfjs.Tensor1D;
}

/** An operation over the vocabulary: one value a row, and its derivatives. */
interface Rule {
  /** [rows] */
  value(tf: TensorFlow, chunk: Chunk): tfjs.Tensor;
  /** d value / d (h / temperature), [rows, D] */
  jacobian(tf: TensorFlow, chunk: Chunk, matrix: tfjs.Tensor2D): tfjs.Tensor;
  /** d Σ slope · value / d E [V, D], where `weighted` [rows, D] is slope · h. */
  matrixGradient(tf: TensorFlow, chunk: Chunk, weighted: tfjs.Tensor2D): tfjs.Tensor;
}

const logProbability: Rule = {
  value: (tf, { logps, target }) => {
    const rows = tf.range(0, target.shape[0], 1, 'int32');
    return tf.gatherND(logps, tf.stack([rows, target], 1));
  },
  jacobian: (tf, { probability, target }, matrix) => tf.sub(tf.gather(matrix, target), tf.matMul(probability, matrix)),
  matrixGradient: (tf, { probability, target }, weighted) => {
    const atTargets = tf.unsortedSegmentSum(weighted, target, probability.shape[1]);
    return tf.sub(atTargets, tf.matMul(probability, weighted, true));
  },
};

const entropy: Rule = {
  value: (tf, { probability, logps }) => tf.neg(tf.sum(tf.mul(probability, logps), 1)),
  jacobian: (tf, chunk, matrix) => tf.matMul(entropySlope(tf, chunk), matrix),
  matrixGradient: (tf, chunk, weighted) => tf.matMul(entropySlope(tf, chunk), weighted, true),
};

/** dH/dl = −p (log p + H), [rows, V]. */
function entropySlope(tf: TensorFlow, { probability, logps }: Chunk): tfjs.Tensor2D {
  return tf.mul(probability, tf.sub(tf.sum(tf.mul(probability, logps), 1, true), logps));
}

interface Operands {
  readonly hidden: tfjs.Tensor2D;
  readonly temperature: tfjs.Tensor;
  readonly matrix: tfjs.Tensor2D;
  readonly target?: tfjs.Tensor1D;
}

/**
 * The operations over the whole vocabulary, each with a gradient of its own: the forward pass keeps the value [P] and,
 * where a gradient will be asked for, the Jacobian [P, D], never the logits. Training E computes each chunk again.
 */
export const vocabularyKernels: Readonly<Record<string, Kernel>> = {
  tokenLogProbability: (tf, [hidden, target, temperature, trained], call) =>
    overVocabulary(tf, logProbability, { hidden, target, temperature, trained }, call),
  tokenEntropy: (tf, [hidden, temperature, trained], call) =>
    overVocabulary(tf, entropy, { hidden, temperature, trained }, call),
};

interface Given {
  readonly hidden: tfjs.Tensor;
  readonly temperature: tfjs.Tensor;
  readonly target?: tfjs.Tensor;
  /** E, where it is trained. */
  readonly trained?: tfjs.Tensor;
}

function overVocabulary(tf: TensorFlow, rule: Rule, given: Given, { weight, differentiable }: Call): tfjs.Tensor {
  const { hidden, temperature, target, trained } = given;
  const operands = { hidden, temperature, target, matrix: trained ?? weight } as Operands;
  const compute = (...args: unknown[]) => {
    const save = args.at(-1) as (tensors: tfjs.Tensor[]) => void;
    const [value, ...jacobian] = tf.tidy(() => {
      const chunks = chunkPlaces(hidden.shape[0]).map((place) =>
        tf.tidy(() => {
          const chunk = chunkAt(tf, operands, place);
          const values = rule.value(tf, chunk);
          return differentiable ? [values, rule.jacobian(tf, chunk, operands.matrix)] : [values];
        }),
      );
      return chunks[0].map((_, part) => tf.concat(chunks.map((parts) => parts[part])));
    });
    // tfjs frees what is not saved.
    save([hidden, temperature, ...(target ? [target] : []), ...(trained ? [trained] : []), ...jacobian]);
    const gradFunc = (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => {
      const [keptHidden, keptTemperature] = saved;
      const slope = tf.expandDims(tf.div(dy, keptTemperature), 1); // [P, 1]
      const dHidden = tf.mul(slope, saved.at(-1)!);
      if (trained === undefined) return [dHidden];
      const [keptTarget, matrix] = target ? saved.slice(2) : [undefined, saved[2]];
      const kept = { hidden: keptHidden, temperature: keptTemperature, target: keptTarget, matrix } as Operands;
      return [dHidden, matrixGradient(tf, rule, kept, slope)];
    };
    return { value, gradFunc };
  };
  const inputs = trained === undefined ? [hidden] : [hidden, trained];
  return tf.customGrad(compute as unknown as Parameters<typeof tf.customGrad>[0])(...inputs);
}

function matrixGradient(tf: TensorFlow, rule: Rule, operands: Operands, slope: tfjs.Tensor): tfjs.Tensor {
  return tf.tidy(() => {
    let total: tfjs.Tensor = tf.zerosLike(operands.matrix);
    for (const place of chunkPlaces(operands.hidden.shape[0])) {
      const next = tf.tidy(() => {
        const rows = (x: tfjs.Tensor) => tf.slice(x, place.start, place.rows) as tfjs.Tensor2D;
        const weighted = tf.mul(rows(slope), rows(operands.hidden)) as tfjs.Tensor2D;
        return tf.add(total, rule.matrixGradient(tf, chunkAt(tf, operands, place), weighted));
      });
      total.dispose();
      total = next;
    }
    return total;
  });
}

interface Place {
  readonly start: number;
  readonly rows: number;
}

function chunkPlaces(count: number): Place[] {
  return Array.from({ length: Math.ceil(count / chunkRows) }, (_, k) => {
    return { start: k * chunkRows, rows: Math.min(chunkRows, count - k * chunkRows) };
  });
}

function chunkAt(tf: TensorFlow, { hidden, temperature, matrix, target }: Operands, { start, rows }: Place): Chunk {
  const scaled = tf.div(tf.slice(hidden, start, rows), temperature) as tfjs.Tensor2D;
  const logits = tf.matMul(scaled, matrix, false, true);
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const powers = tf.exp(shifted);
  const total = tf.sum(powers, 1, true);
  return {
    logps: tf.sub(shifted, tf.log(total)),
    probability: tf.div(powers, total),
    target: target && tf.slice(target, start, rows),
  } as Chunk;
}
