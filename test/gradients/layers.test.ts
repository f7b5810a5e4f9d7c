import assert from 'node:assert/strict';
import { scalarHead } from '../../models/heads.ts';
import * as layers from '../../models/layers.ts';
import { masked, type NetworkContext } from '../../models/layers.ts';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { type Build, checkGradient } from '../support/checkGradient.ts';
import { random } from '../support/reference/random.ts';
import { type Feed, ReferenceBuilder, valueOf } from '../support/reference.ts';
import { randomFeeds } from './randomFeeds.ts';

/** 3 rows of width 4, trained like everything else here. */
const rows = (ops: OpBuilder) => ops.parameter('x', [3, 4]);
const base = (ops: OpBuilder): NetworkContext => ({ ops, train: 'base' });
const adapter = (ops: OpBuilder): NetworkContext => ({
  ops,
  train: 'adapter',
  lora: { rank: 2, targetModules: ['q_proj', 'up_proj', 'down_proj'] },
  loraScale: ops.input('scale', []),
});
const scale: Feed = { shape: [], data: [1.5] };

/** Two rows of five tokens; the first packs segments of 3 and 2. */
function segmentMask(): Feed {
  const segments = [
    [0, 0, 0, 1, 1],
    [0, 0, 0, 0, 0],
  ];
  const open = (row: number[], i: number, j: number) => j <= i && row[i] === row[j];
  const data = segments.flatMap((row) => row.flatMap((_, i) => row.map((_, j) => (open(row, i, j) ? 0 : masked))));
  return { shape: [2, 1, 5, 5], data };
}

function attention(heads: number, groups: number): Build {
  return (ops) => {
    const head = (name: string, count: number) => ops.parameter(name, [2, count, 5, 2]);
    const [query, key, value] = [head('query', heads), head('key', groups), head('value', groups)];
    return layers.groupedAttention(ops, query, key, value, ops.input('mask', [2, 1, 5, 5]));
  };
}

/** Three tokens after two cached ones, the first of which one row may not see. */
const cached: Build = (ops) => {
  const part = (name: string, count: number, time: number) => ops.parameter(name, [2, count, time, 2]);
  return layers.cachedAttention(
    ops,
    part('query', 4, 3),
    { key: part('key', 2, 3), value: part('value', 2, 3) },
    { key: part('past.key', 2, 2), value: part('past.value', 2, 2), mask: ops.input('past.mask', [2, 1, 1, 2]) },
    ops.input('mask', [1, 1, 3, 3]),
  );
};
const pastMask: Feed = { shape: [2, 1, 1, 2], data: [masked, 0, 0, 0] };
const causal: Feed = { shape: [1, 1, 3, 3], data: [0, masked, masked, 0, 0, masked, 0, 0, 0] };

const cases: Readonly<Record<string, { build: Build; given?: Readonly<Record<string, Feed>> }>> = {
  'linear, the base trained': { build: (ops) => layers.linear(base(ops), rows(ops), 'at.q_proj', [5, 4]) },
  'linear, an adapter on a frozen base': {
    build: (ops) => layers.linear(adapter(ops), rows(ops), 'at.q_proj', [5, 4]),
    given: { scale },
  },
  'linear, an adapter of scale 0': {
    build: (ops) => layers.linear(adapter(ops), rows(ops), 'at.q_proj', [5, 4]),
    given: { scale: { shape: [], data: [0] } },
  },
  'linear, a module that is not adapted': {
    build: (ops) => layers.linear(adapter(ops), rows(ops), 'at.k_proj', [5, 4]),
    given: { scale },
  },
  multiply: { build: (ops) => layers.multiply(ops, rows(ops), ops.parameter('w', [5, 4])) },
  'norm, its gain trained': { build: (ops) => layers.norm(base(ops), rows(ops), 'norm', 1e-5) },
  'norm, its gain frozen': { build: (ops) => layers.norm(adapter(ops), rows(ops), 'norm', 1e-5), given: { scale } },
  'shiftedNorm, its gain trained': { build: (ops) => layers.shiftedNorm(base(ops), rows(ops), 'norm', 1e-5) },
  'shiftedNorm, its gain frozen': {
    build: (ops) => layers.shiftedNorm(adapter(ops), rows(ops), 'norm', 1e-5),
    given: { scale },
  },
  'layerNorm, gain and bias trained': { build: (ops) => layers.layerNorm(base(ops), rows(ops), 'norm', 1e-5) },
  'layerNorm, gain and bias frozen': {
    build: (ops) => layers.layerNorm(adapter(ops), rows(ops), 'norm', 1e-5),
    given: { scale },
  },
  'gatedFeedForward, the base trained': { build: (ops) => layers.gatedFeedForward(base(ops), rows(ops), 'mlp', 6) },
  'gatedFeedForward, with GELU': {
    build: (ops) => layers.gatedFeedForward(base(ops), rows(ops), 'mlp', 6, 'gelu'),
  },
  'gatedFeedForward, adapters on two of three': {
    build: (ops) => layers.gatedFeedForward(adapter(ops), rows(ops), 'mlp', 6),
    given: { scale },
  },
  'groupedAttention, a key for every two heads': { build: attention(4, 2), given: { mask: segmentMask() } },
  'groupedAttention, a key for every head': { build: attention(2, 2), given: { mask: segmentMask() } },
  'groupedAttention, one key for all heads': { build: attention(3, 1), given: { mask: segmentMask() } },
  cachedAttention: { build: cached, given: { mask: causal, 'past.mask': pastMask } },
  scalarHead: { build: (ops) => scalarHead(ops, rows(ops)) },
};

describe('layers against the Float64 reference', () => {
  for (const [name, { build, given = {} }] of Object.entries(cases)) {
    it(name, async () => {
      await checkGradient(build, randomFeeds(build, given));
    });
  }

  it('has a case for every layer', () => {
    const helpers = ['adapterName', 'baseMatrix', 'baseVector', 'masked'];
    const missing = Object.keys(layers).filter(
      (layer) => !helpers.includes(layer) && !Object.keys(cases).some((name) => name.split(',')[0] === layer),
    );
    assert.deepEqual(missing, []);
  });
});

describe('the layers of the reference, against formulas written out', () => {
  const shapes = { query: [2, 4, 5, 2], key: [2, 2, 5, 2], value: [2, 2, 5, 2] };
  const [query, key, value] = Object.values(shapes).map((shape, k) => random(shape, k + 1));
  const at = ({ shape, data }: Feed, b: number, h: number, t: number, e: number) =>
    data[((b * shape[1] + h) * shape[2] + t) * shape[3] + e];

  /** Σⱼ softmaxⱼ(q·kⱼ) vⱼ over the j that the mask opens, head by head. */
  function expectedAttention(mask: Feed): number[] {
    const result: number[] = [];
    for (let b = 0; b < 2; b++) {
      for (let h = 0; h < 4; h++) {
        for (let i = 0; i < 5; i++) {
          const group = Math.floor(h / 2);
          const open = [0, 1, 2, 3, 4].filter((j) => mask.data[(b * 5 + i) * 5 + j] === 0);
          const scores = open.map((j) =>
            [0, 1].reduce((sum, e) => sum + at(query, b, h, i, e) * at(key, b, group, j, e), 0),
          );
          const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
          for (const e of [0, 1]) {
            result.push(open.reduce((sum, j, k) => sum + (Math.exp(scores[k]) / total) * at(value, b, group, j, e), 0));
          }
        }
      }
    }
    return result;
  }

  function assertClose(actual: Tensor, expected: readonly number[]): void {
    const { data } = valueOf(actual);
    assert.equal(data.length, expected.length);
    expected.forEach((entry, k) => {
      assert.ok(Math.abs(data[k] - entry) < 1e-12, `entry ${k}: ${data[k]}, not ${entry}`);
    });
  }

  it('groupedAttention', () => {
    const mask = segmentMask();
    const ops = new ReferenceBuilder({ query, key, value, mask });
    assertClose(attention(4, 2)(ops), expectedAttention(mask));
  });

  it('cachedAttention gives what attention without a cache gives', () => {
    const ops = new ReferenceBuilder({ query, key, value });
    const [q, k, v] = [
      ops.input('query', shapes.query),
      ops.input('key', shapes.key),
      ops.input('value', shapes.value),
    ];
    const split = (x: Tensor) => ({ past: ops.slice(x, 2, 0, 2), fresh: ops.slice(x, 2, 2) });
    const [keys, values] = [split(k), split(v)];
    const open = ops.constant(new Array<number>(4).fill(0), [2, 1, 1, 2]);
    const mixed = layers.cachedAttention(
      ops,
      split(q).fresh,
      { key: keys.fresh, value: values.fresh },
      { key: ops.transpose(keys.past, [0, 1, 3, 2]), value: values.past, mask: open },
      ops.constant(Array.from(causal.data), causal.shape),
    );
    const order = Array.from({ length: 50 }, (_, entry) => (entry % 5 <= Math.floor(entry / 5) % 5 ? 0 : masked));
    const whole = ops.constant(expectedAttention({ shape: [2, 1, 5, 5], data: order }), shapes.query);
    assertClose(mixed, [...valueOf(ops.slice(whole, 2, 2)).data]);
  });

  it('cachedAttention of one token needs no mask', () => {
    const ops = new ReferenceBuilder({ query, key, value });
    const [q, k, v] = [
      ops.input('query', shapes.query),
      ops.input('key', shapes.key),
      ops.input('value', shapes.value),
    ];
    const mixed = layers.cachedAttention(
      ops,
      ops.slice(q, 2, 4),
      { key: ops.slice(k, 2, 4), value: ops.slice(v, 2, 4) },
      {
        key: ops.transpose(ops.slice(k, 2, 0, 4), [0, 1, 3, 2]),
        value: ops.slice(v, 2, 0, 4),
        mask: ops.constant(new Array<number>(8).fill(0), [2, 1, 1, 4]),
      },
      undefined,
    );
    const all = { shape: [2, 1, 5, 5], data: new Array<number>(50).fill(0) };
    const whole = ops.constant(expectedAttention(all), shapes.query);
    assertClose(mixed, [...valueOf(ops.slice(whole, 2, 4)).data]);
  });

  it('linear with the scale folded into B adds what scaling in the graph adds', () => {
    const build = (ops: OpBuilder) => layers.linear(adapter(ops), rows(ops), 'at.q_proj', [5, 4]);
    const feeds = randomFeeds(build, { scale });
    const expected = [...valueOf(build(new ReferenceBuilder(feeds))).data];
    const up = layers.adapterName('at.q_proj', 'B');
    const folded = { ...feeds, [up]: { ...feeds[up], data: Array.from(feeds[up].data).map((entry) => entry * 1.5) } };
    const ops = new ReferenceBuilder(folded);
    const context = { ...adapter(ops), loraScale: 'folded' } as const;
    assertClose(layers.linear(context, rows(ops), 'at.q_proj', [5, 4]), expected);
  });

  it('linear adds scale · B A x to W x', () => {
    const feeds = randomFeeds((ops) => layers.linear(adapter(ops), rows(ops), 'at.q_proj', [5, 4]), { scale });
    const ops = new ReferenceBuilder(feeds);
    const [w, a, b] = ['at.q_proj.weight', layers.adapterName('at.q_proj', 'A'), layers.adapterName('at.q_proj', 'B')];
    const expected: number[] = [];
    for (let n = 0; n < 3; n++) {
      for (let out = 0; out < 5; out++) {
        let sum = 0;
        for (let inner = 0; inner < 4; inner++) {
          const low =
            feeds[b].data[out * 2] * feeds[a].data[inner] + feeds[b].data[out * 2 + 1] * feeds[a].data[4 + inner];
          sum += feeds.x.data[n * 4 + inner] * (feeds[w].data[out * 4 + inner] + 1.5 * low);
        }
        expected.push(sum);
      }
    }
    assertClose(layers.linear(adapter(ops), rows(ops), 'at.q_proj', [5, 4]), expected);
  });
});
