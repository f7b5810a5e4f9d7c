import assert from 'node:assert/strict';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { type AdamOptions, adamwStep, adamwStepEpsilonHat } from '../../server/engine/optim/adamw.ts';
import { engines } from '../support/checkGradient.ts';
import { relativeError } from '../support/close.ts';
import { random } from '../support/reference/random.ts';
import { ReferenceBuilder, valueOf } from '../support/reference.ts';

const size = 7;
const steps = 12;
const start = Array.from(random([size], 1, -2, 2).data, Math.fround);
// Of very different sizes, one of them always zero, so that ε matters to some and not to others.
const scales = [1, 1e-3, 1e-6, 0, 30, 0.1, 1];
const gradients = Array.from({ length: steps }, (_, t) =>
  Array.from(random([size], 100 + t).data, (entry, k) => Math.fround(entry * scales[k])),
);
const rates = Array.from({ length: steps }, (_, t) => Math.fround(0.01 * (1 - t / steps)));

interface State {
  parameter: number[];
  first: number[];
  second: number[];
}

/** torch.optim.AdamW's pseudocode, line by line, one number at a time. */
function pytorch({ beta1, beta2, epsilon, weightDecay }: AdamOptions): State {
  const state: State = { parameter: [...start], first: start.map(() => 0), second: start.map(() => 0) };
  for (let t = 1; t <= steps; t++) {
    const lr = rates[t - 1];
    for (let k = 0; k < size; k++) {
      const g = gradients[t - 1][k];
      state.parameter[k] -= lr * weightDecay * state.parameter[k];
      state.first[k] = beta1 * state.first[k] + (1 - beta1) * g;
      state.second[k] = beta2 * state.second[k] + (1 - beta2) * g * g;
      const firstHat = state.first[k] / (1 - beta1 ** t);
      const secondHat = state.second[k] / (1 - beta2 ** t);
      state.parameter[k] -= (lr * firstHat) / (Math.sqrt(secondHat) + epsilon);
    }
  }
  return state;
}

/** Keras's AdamW.update_step: alpha = lr √(1 − β₂ᵗ) / (1 − β₁ᵗ), moments moved towards g, ε beside the raw √v. */
function tensorflow({ beta1, beta2, epsilon, weightDecay }: AdamOptions): State {
  const state: State = { parameter: [...start], first: start.map(() => 0), second: start.map(() => 0) };
  for (let t = 1; t <= steps; t++) {
    const lr = rates[t - 1];
    const alpha = (lr * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
    for (let k = 0; k < size; k++) {
      const g = gradients[t - 1][k];
      state.parameter[k] -= state.parameter[k] * weightDecay * lr;
      state.first[k] += (g - state.first[k]) * (1 - beta1);
      state.second[k] += (g * g - state.second[k]) * (1 - beta2);
      state.parameter[k] -= (state.first[k] * alpha) / (Math.sqrt(state.second[k]) + epsilon);
    }
  }
  return state;
}

const forms = {
  'the PyTorch form': { step: adamwStep, oracle: pytorch },
  'the TensorFlow form': { step: adamwStepEpsilonHat, oracle: tensorflow },
};
const settings: Readonly<Record<string, AdamOptions>> = {
  'no decay': { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  decay: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  'a large ε': { beta1: 0.8, beta2: 0.99, epsilon: 1e-2, weightDecay: 0.01 },
};

function update(ops: OpBuilder, step: typeof adamwStep, options: AdamOptions): Record<string, Tensor> {
  const vector = (name: string) => ops.input(name, [size]);
  const scalar = (name: string) => ops.input(name, []);
  const next = step(
    ops,
    { parameter: vector('parameter'), gradient: vector('gradient'), first: vector('first'), second: vector('second') },
    { learningRate: scalar('learningRate'), correction1: scalar('correction1'), correction2: scalar('correction2') },
    options,
  );
  return {
    nextParameter: next.parameter,
    nextFirst: next.first,
    nextSecond: next.second,
    loss: ops.sum(next.parameter),
  };
}

type Evaluate = (feeds: Record<string, Float64Array>) => Promise<Record<string, ArrayLike<number>>>;

/** Twelve updates, each from the state that the one before returned. */
async function train(evaluate: Evaluate, { beta1, beta2 }: AdamOptions): Promise<State> {
  let state: State = { parameter: start, first: start.map(() => 0), second: start.map(() => 0) };
  for (let t = 1; t <= steps; t++) {
    const feeds = {
      ...Object.fromEntries(Object.entries(state).map(([name, data]) => [name, Float64Array.from(data)])),
      gradient: Float64Array.from(gradients[t - 1]),
      learningRate: Float64Array.of(rates[t - 1]),
      correction1: Float64Array.of(1 - beta1 ** t),
      correction2: Float64Array.of(1 - beta2 ** t),
    };
    const { nextParameter, nextFirst, nextSecond } = await evaluate(feeds);
    state = { parameter: Array.from(nextParameter), first: Array.from(nextFirst), second: Array.from(nextSecond) };
  }
  return state;
}

function assertState(actual: State, expected: State, tolerance: number): void {
  for (const part of ['parameter', 'first', 'second'] as const) {
    // Entry by entry: the moments differ by many orders of magnitude.
    actual[part].forEach((entry, k) => {
      const error = relativeError([entry], [expected[part][k]]);
      assert.ok(error < tolerance, `${part} ${k}: ${entry}, not ${expected[part][k]}`);
    });
  }
}

describe('AdamW, twelve steps', () => {
  for (const [form, { step, oracle }] of Object.entries(forms)) {
    for (const [setting, options] of Object.entries(settings)) {
      it(`${form}, ${setting}: in Float64 as written out by hand`, async () => {
        const evaluate: Evaluate = async (feeds) => {
          const shaped = Object.entries(feeds).map(([name, data]) => [
            name,
            { shape: data.length === 1 ? [] : [size], data },
          ]);
          const outputs = update(new ReferenceBuilder(Object.fromEntries(shaped)), step, options);
          return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, valueOf(tensor).data]));
        };
        assertState(await train(evaluate, options), oracle(options), 1e-10);
      });

      for (const [engine, implementation] of Object.entries(engines)) {
        it(`${form}, ${setting}: ${engine}`, async () => {
          const evaluate: Evaluate = async (feeds) => {
            const typed = Object.entries(feeds).map(([name, data]) => [name, Float32Array.from(data)]);
            const outputs = await implementation.evaluate(
              (ops) => update(ops, step, options),
              Object.fromEntries(typed),
            );
            return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
          };
          assertState(await train(evaluate, options), oracle(options), 2e-5);
        });
      }
    }
  }

  it('the two forms differ by where ε stands', () => {
    const [here, there] = [pytorch(settings['a large ε']), tensorflow(settings['a large ε'])];
    assert.ok(relativeError(here.parameter, there.parameter) > 1e-3);
    assert.ok(relativeError(here.first, there.first) < 1e-12);
  });
});
