import assert from 'node:assert/strict';
import { comparisonId, readComparisonId } from '../../../server/feedback/comparisonId.ts';
import { drawsOf } from '../../../server/feedback/draws.ts';
import { isPaired, pairCount, pairsOf } from '../../../server/feedback/pairing.ts';

describe('pairs of responses to one prompt', () => {
  for (let count = 0; count <= 24; count++) {
    it(`${count} responses`, () => {
      const pairs = [...pairsOf(count)];
      const names = new Set(pairs.map(([i, j]) => `${i} ${j}`));
      assert.equal(names.size, pairs.length, 'none comes twice');
      assert.equal(pairCount(count), pairs.length);
      const wanted = [];
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < count; j++) {
          if (isPaired(count, i, j)) wanted.push(`${Math.min(i, j)} ${Math.max(i, j)}`);
        }
      }
      assert.deepEqual(new Set(wanted), names, 'isPaired knows them all, either way round');
      assert.equal(wanted.length, 2 * names.size);
      if (count <= 8) assert.equal(pairs.length, (count * Math.max(0, count - 1)) / 2, 'all pairs');
      const half = Math.floor(count / 2);
      assert.equal(new Set(pairs.slice(0, half).flat()).size, 2 * half, 'each is shown once before any comes again');
      const shown = Array.from({ length: count }, (_, k) => pairs.filter((pair) => pair.includes(k)).length);
      if (count > 8) assert.ok(Math.min(...shown) >= 6 && Math.max(...shown) <= 7, String(shown));
    });
  }

  it('the first two come first', () => {
    assert.deepEqual([...pairsOf(4)].slice(0, 2), [
      [0, 1],
      [2, 3],
    ]);
  });
});

describe('draws', () => {
  const word = (k: number) => Number.parseInt((k * 2654435761).toString(16).padStart(8, '0').slice(0, 8), 16);
  const numbers = (purpose: 'sides' | 'repeat', seed: number, annotator: string) => {
    const draw = drawsOf(purpose, seed, annotator);
    return Array.from({ length: 4000 }, (_, k) => draw(word(k), word(k + 1)));
  };

  it('are even, in [0, 1)', () => {
    const all = numbers('sides', 0, 'ann');
    assert.ok(all.every((value) => value >= 0 && value < 1));
    for (let decile = 0; decile < 10; decile++) {
      const share = all.filter((value) => Math.floor(value * 10) === decile).length / all.length;
      assert.ok(Math.abs(share - 0.1) < 0.02, `${share} in decile ${decile}`);
    }
  });

  it('differ where any part of the key differs, and agree where none does', () => {
    const halves = (...key: Parameters<typeof numbers>) => numbers(...key).map((value) => value < 0.5);
    const base = halves('sides', 0, 'ann');
    assert.deepEqual(halves('sides', 0, 'ann'), base);
    const others = [
      halves('repeat', 0, 'ann'),
      halves('sides', 1, 'ann'),
      halves('sides', 2 ** 32, 'ann'),
      halves('sides', 0, 'anm'),
    ];
    for (const other of others) {
      const same = other.filter((value, k) => value === base[k]).length / base.length;
      assert.ok(Math.abs(same - 0.5) < 0.05, `${same} of the sides are the same`);
    }
  });

  it('stay what they were: sides must not change between two versions', () => {
    const value = drawsOf('sides', 7, 'Änn')(0x01234567, 0xfedcba98);
    assert.equal(value.toFixed(8), '0.06834755');
  });
});

describe('ids of comparisons', () => {
  const [a, b] = ['0'.repeat(32), '1'.repeat(32)];
  it('are read as they are written', () => {
    for (const repeat of [false, true]) {
      const name = { responses: [a, b] as const, repeat };
      assert.deepEqual(readComparisonId(comparisonId(name)), name);
    }
  });
  for (const text of [
    '',
    a,
    `${b}.${a}`,
    `${a}.${a}`,
    `${a}.${b}.3`,
    `${a}.${b}.2.2`,
    `${a}.${b.slice(1)}`,
    `${a}.${b.toUpperCase()}G`,
  ]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(readComparisonId(text), undefined));
  }
});
