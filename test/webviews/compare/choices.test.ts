import assert from 'node:assert/strict';
import type { Comparison, Decision } from '../../../server/protocol/types.ts';
import { suiteBrowser } from '../../support/browser.ts';
import {
  CompareHost,
  type ComparePage,
  heardCalls,
  openCompare,
  pairIsPainted,
  textComparison,
  textComparisons,
} from '../../support/compareHost.ts';

/** As the other annotator sees it: the same responses, the other way round. */
const swapped = (pair: Comparison): Comparison => ({ ...pair, shown: [pair.shown[1], pair.shown[0]] });

/** key → preferred place (0 is A) and strength, for each scale. */
const scales: Readonly<Record<number, Readonly<Record<string, readonly [0 | 1, number]>>>> = {
  2: { 1: [0, 1], 2: [1, 1], a: [0, 1], b: [1, 1] },
  4: { 1: [0, 2], 2: [0, 1], 3: [1, 1], 4: [1, 2], a: [0, 1], b: [1, 1] },
  6: { 1: [0, 3], 2: [0, 2], 3: [0, 1], 4: [1, 1], 5: [1, 2], 6: [1, 3], a: [0, 2], b: [1, 2] },
  8: {
    1: [0, 4],
    2: [0, 3],
    3: [0, 2],
    4: [0, 1],
    5: [1, 1],
    6: [1, 2],
    7: [1, 3],
    8: [1, 4],
    a: [0, 2],
    b: [1, 2],
  },
};
const ties = { t: 'tie', g: 'bothGood', x: 'bothBad' } as const;

describe('choices in the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage | undefined;
  afterEach(() => panel?.close());

  /** Decides one pair after the other, each in both orders, in the way `act` does it. */
  async function decideAll(
    scale: 2 | 4 | 6 | 8,
    names: readonly string[],
    act: (page: ComparePage['page'], name: string) => Promise<void>,
  ): Promise<Decision[]> {
    const pairs = names.flatMap((name) => {
      const pair = textComparison(name);
      return [pair, { ...swapped(pair), id: `${name}-swapped` }];
    });
    const host = new CompareHost(pairs, { scale });
    panel = await openCompare(held.browser, host);
    for (const [at, pair] of pairs.entries()) {
      await pairIsPainted(panel, pair.id);
      await act(panel.page, names[at >> 1]);
    }
    await heardCalls(host, 'decide', pairs.length);
    return host.decisions;
  }

  const expected = (name: string, scale: number, order: 'as made' | 'swapped') => {
    const ids = order === 'as made' ? [`${name}-one`, `${name}-two`] : [`${name}-two`, `${name}-one`];
    const step = scales[scale][name];
    return {
      comparison: order === 'as made' ? name : `${name}-swapped`,
      shown: ids,
      ...(step ? { choice: ids[step[0]], strength: step[1] } : { choice: ties[name as keyof typeof ties] }),
      scale,
      aspects: {},
      comment: '',
    };
  };
  const both = (names: readonly string[], scale: number) =>
    names.flatMap((name) => [expected(name, scale, 'as made'), expected(name, scale, 'swapped')]);
  const withoutTime = (decisions: readonly Decision[]) => decisions.map(({ ms: _, ...rest }) => rest);

  for (const scale of [2, 4, 6, 8] as const) {
    const names = [...Object.keys(scales[scale]), ...Object.keys(ties)];
    it(`are recorded for the response they are about, by keys, on a scale of ${scale}`, async () => {
      const decisions = await decideAll(scale, names, (page, name) => page.keyboard.press(name));
      assert.deepEqual(withoutTime(decisions), both(names, scale));
      assert.ok(decisions.every(({ ms }) => Number.isInteger(ms) && ms >= 0));
    });

    it(`are recorded for the response they are about, by clicks, on a scale of ${scale}`, async () => {
      const clicked = names.filter((name) => !/[ab]/.test(name));
      const decisions = await decideAll(scale, clicked, (page, name) =>
        page.click(`.deck [role=radio][aria-keyshortcuts~="${name}"]`),
      );
      assert.deepEqual(withoutTime(decisions), both(clicked, scale));
    });
  }

  it('are made with Tab, arrows and Space alone; arrows decide nothing', async () => {
    const host = new CompareHost(textComparisons(3));
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    await page.keyboard.press('ArrowRight');
    const focused = () => page.evaluate<string>(`document.activeElement.innerText.split('\\n')[0]`);
    assert.equal(await focused(), 'A much better');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft']) {
      await page.keyboard.press(key);
    }
    assert.equal(await focused(), 'B much better');
    assert.equal(host.count('decide'), 0);
    // One stop in the tab order: back and forth leads to the same button.
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(), 'B much better');
    await page.keyboard.press('Space');
    await pairIsPainted(panel, 'p2');
    await page.keyboard.press('Enter');
    await heardCalls(host, 'decide', 2);
    assert.deepEqual(
      host.decisions.map(({ choice }) => choice),
      ['p1-two', 'p2-two'],
    );
  });

  it('of aspects go along, and Enter submits once all are rated', async () => {
    const host = new CompareHost(textComparisons(3), { scale: 4, aspects: ['Truth', 'Style', 'Tone'] });
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    await page.keyboard.press('1');
    await page.keyboard.press('Enter');
    assert.match(await page.innerText('.notice'), /Rate Truth first/);
    assert.equal(host.count('decide'), 0);
    // The unrated aspect is active now: digits rate it and go on to the next one.
    await page.keyboard.press('1');
    await page.keyboard.press('4');
    await page.keyboard.press('t');
    await page.keyboard.press('Alt+2');
    await page.keyboard.press('3');
    await page.keyboard.press('2');
    await page.keyboard.press('Enter');
    await heardCalls(host, 'decide', 1);
    const [{ choice, strength, aspects }] = host.decisions;
    assert.deepEqual(
      { choice, strength, aspects },
      {
        choice: 'p1-one',
        strength: 1,
        aspects: { Truth: -2, Style: 1, Tone: 0 },
      },
    );
    await pairIsPainted(panel, 'p2');
    assert.equal(await page.locator('[aria-checked=true]').count(), 0);
  });

  it('by a double click decide one pair only', async () => {
    const host = new CompareHost(textComparisons(3));
    panel = await openCompare(held.browser, host);
    await panel.page.dblclick('.deck [role=radio] >> nth=0');
    await pairIsPainted(panel, 'p2');
    await panel.page.keyboard.press('b');
    await heardCalls(host, 'decide', 2);
    assert.deepEqual(
      host.decisions.map(({ comparison }) => comparison),
      ['p1', 'p2'],
    );
  });

  it('skip with a reason, without one, or not at all', async () => {
    const host = new CompareHost(textComparisons(4));
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    await page.keyboard.press('s');
    await page.keyboard.type('both talk of banana bread');
    await page.keyboard.press('Enter');
    await pairIsPainted(panel, 'p2');
    await page.keyboard.press('s');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    assert.equal(host.skips.length, 1);
    await page.keyboard.press('s');
    await page.keyboard.press('Enter');
    await pairIsPainted(panel, 'p3');
    await heardCalls(host, 'skip', 2);
    assert.deepEqual(
      host.skips.map(({ comparison, shown, reason }) => ({ comparison, shown, reason })),
      [
        { comparison: 'p1', shown: ['p1-one', 'p1-two'], reason: 'both talk of banana bread' },
        { comparison: 'p2', shown: ['p2-one', 'p2-two'], reason: '' },
      ],
    );
    assert.equal(host.count('decide'), 0);
  });
});
