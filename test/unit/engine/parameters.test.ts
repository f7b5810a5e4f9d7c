import assert from 'node:assert/strict';
import { layoutOf, viewsOf } from '../../../server/engine/parameters.ts';

describe('the layout of parameters', () => {
  const layout = layoutOf([
    ['a', [2, 3]],
    ['b', [4]],
    ['c', []],
  ]);

  it('lays tensors one after the other', () => {
    assert.deepEqual(layout, { names: ['a', 'b', 'c'], shapes: [[2, 3], [4], []], offsets: [0, 6, 10], size: 11 });
  });

  it('gives views that share the vector', () => {
    const flat = Float32Array.from({ length: 11 }, (_, k) => k);
    const { a, b, c } = viewsOf(layout, flat);
    assert.deepEqual([[...a], [...b], [...c]], [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9], [10]]);
    b[1] = 70;
    assert.equal(flat[7], 70);
  });
});
