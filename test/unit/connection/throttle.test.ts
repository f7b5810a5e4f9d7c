import assert from 'node:assert/strict';
import { defaultSettings, parseSettings } from '../../../server/connection/settings.ts';
import { createThrottle } from '../../../server/connection/throttle.ts';

describe('notifications', () => {
  it('come at once, then at most once in a while, the newest last, each key for itself', async () => {
    const sent: { value: string; at: number }[] = [];
    let last: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      last = resolve;
    });
    const throttle = createThrottle<string>(40, (value) => {
      sent.push({ value, at: performance.now() });
      if (value === 'a9') last();
    });
    for (let k = 0; k < 10; k++) throttle.take('a', `a${k}`);
    throttle.take('b', 'b0');
    await all;
    assert.deepEqual(
      sent.map(({ value }) => value),
      ['a0', 'b0', 'a9'],
    );
    assert.ok(sent[2].at - sent[0].at >= 35);
    throttle.close();
  });
});

describe('settings of the server', () => {
  it('what is missing or makes no sense is as by default; a workspace is trusted only where it is said', () => {
    assert.deepEqual(parseSettings(undefined), defaultSettings);
    assert.equal(defaultSettings.trusted, false);
    assert.deepEqual(parseSettings({ trusted: 'yes', freeCores: -1, inlineScores: 'all' }), defaultSettings);
    assert.deepEqual(parseSettings({ palate: { trusted: true, freeCores: 0 } }), {
      ...defaultSettings,
      trusted: true,
      freeCores: 0,
    });
    assert.deepEqual(parseSettings({ trusted: true, more: 1 }), { ...defaultSettings, trusted: true });
  });
});
