import assert from 'node:assert/strict';
import { measurePaint } from '../../../scripts/benches/support/paint.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { CompareHost, textComparison } from '../../support/compareHost.ts';

describe('the time from a choice to the next pair', () => {
  const held = suiteBrowser();

  it('is measured, and is short though one answer has 5 MB', async () => {
    const answer = '# A\n\nSome **text** with `code`.\n\n```js\nconst x = 1;\n```\n\n$x^2$\n'.repeat(5);
    const pairs = Array.from({ length: 31 }, (_, at) =>
      textComparison(`p${at}`, 'Why?', at === 15 ? ['word '.repeat(1_000_000), answer] : [answer, `${answer} more`]),
    );
    const host = new CompareHost(pairs);
    const times = await measurePaint({ browser: held.browser, handlers: host.handlers, count: 30 });
    assert.equal(host.decisions.length, 30);
    assert.equal(times.length, 30);
    const sorted = times.toSorted((a, b) => a - b);
    assert.ok(sorted[0] > 0, `${sorted}`);
    // Far above what it is on a quiet machine, far below what anybody would wait for.
    assert.ok(sorted[15] < 150 && sorted[29] < 1000, `${sorted.map(Math.round)}`);
  });
});
