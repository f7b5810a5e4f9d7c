import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pickOf, plainStep, recordedChoice, stepName, ties } from '../../../webviews/compare/scale.ts';

describe('the scale of a comparison', () => {
  const shown = ['one', 'two'] as const;

  it('gives a record that stands for the same pick in either order', () => {
    for (const scale of [2, 4, 6, 8]) {
      const picks = [...Array.from({ length: scale }, (_, index) => index + 1), ...ties];
      for (const pick of picks) {
        const recorded = { ...recordedChoice(pick, shown, scale), scale };
        assert.equal(pickOf(recorded, shown, scale), pick);
        const mirrored = typeof pick === 'number' ? scale + 1 - pick : pick;
        assert.equal(pickOf(recorded, ['two', 'one'], scale), mirrored);
      }
    }
  });

  it('has no pick for a record of another scale, of other responses, or of a strength that there is not', () => {
    assert.equal(pickOf({ choice: 'one', strength: 1, scale: 4 }, shown, 6), undefined);
    assert.equal(pickOf({ choice: 'gone', strength: 1, scale: 4 }, shown, 4), undefined);
    assert.equal(pickOf({ choice: 'one', strength: 3, scale: 4 }, shown, 4), undefined);
    assert.equal(pickOf({ choice: 'tie', scale: 6 }, shown, 4), 'tie');
  });

  it('names its plain step plainly', () => {
    for (const scale of [2, 4, 6, 8]) {
      assert.equal(stepName(plainStep('a', scale), scale), 'A better');
      assert.equal(stepName(plainStep('b', scale), scale), 'B better');
      assert.equal(plainStep('a', scale) + plainStep('b', scale), scale + 1);
      const names = Array.from({ length: scale }, (_, index) => stepName(index + 1, scale));
      assert.equal(new Set(names).size, scale);
    }
  });

  it('keeps the strength within the scale', () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 4, 6, 8), fc.integer({ min: 1, max: 8 }), (scale, step) => {
        fc.pre(step <= scale);
        const { choice, strength } = recordedChoice(step, shown, scale);
        assert.ok(strength! >= 1 && strength! <= scale / 2);
        assert.equal(choice, step <= scale / 2 ? 'one' : 'two');
      }),
    );
  });
});
