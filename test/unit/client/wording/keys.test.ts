import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mergeKeys } from '../../../../client/wording/keys.ts';
import { compareActions, defaultKeys } from '../../../../webviews/protocol/compare.ts';

describe('keys of the comparison panel', () => {
  it('without a setting they are the defaults', () => {
    for (const setting of [undefined, null, {}, [], 'a']) assert.deepEqual(mergeKeys(setting).keys, defaultKeys);
  });

  it('a key is remapped', () => {
    assert.deepEqual(mergeKeys({ tie: 'e' }), { keys: { ...defaultKeys, tie: 'e' }, problems: [] });
  });

  it('a capital is the key it stands on', () => {
    assert.equal(mergeKeys({ tie: 'E' }).keys.tie, 'e');
  });

  it('two actions may swap their keys', () => {
    const { keys, problems } = mergeKeys({ a: 'b', b: 'a' });
    assert.deepEqual([keys.a, keys.b, problems], ['b', 'a', []]);
  });

  const refused: [setting: Record<string, unknown>, expected: RegExp][] = [
    [{ tei: 'e' }, /no action "tei"/],
    [{ tie: '3' }, /step of the scale/],
    [{ tie: 7 }, /has to be a text/],
    [{ tie: '' }, /has to be a text/],
    [{ tie: 'ArrowLeft' }, /moves in the page/],
    [{ tie: 'a' }, /stands for "tie" and for "a"/],
    [{ tie: 'e', skip: 'e' }, /stands for/],
    [{ a: 'b' }, /stands for "a" and for "b"/],
  ];
  for (const [setting, expected] of refused) {
    it(`says what is wrong with ${JSON.stringify(setting)} and keeps every action reachable`, () => {
      const { keys, problems } = mergeKeys(setting);
      assert.match(problems.join(), expected);
      assert.equal(new Set(Object.values(keys)).size, compareActions.length);
    });
  }

  it('whatever is set, no key does two things and none is a step of the scale', () => {
    const key = fc.oneof(fc.constantFrom(...Object.values(defaultKeys), '1', 'e', 'E', 'Enter', ''), fc.anything());
    const setting = fc.dictionary(fc.oneof(fc.constantFrom<string>(...compareActions), fc.string()), key);
    fc.assert(
      fc.property(setting, (value) => {
        const { keys } = mergeKeys(value);
        assert.deepEqual(Object.keys(keys).sort(), [...compareActions].sort());
        assert.equal(new Set(Object.values(keys)).size, compareActions.length);
        assert.ok(Object.values(keys).every((one) => typeof one === 'string' && one !== '' && !/^[1-8]$/.test(one)));
      }),
    );
  });
});
