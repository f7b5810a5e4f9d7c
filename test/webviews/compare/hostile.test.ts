import assert from 'node:assert/strict';
import type { CompareHostMethods, ComparePageMethods } from '../../../webviews/protocol/compare.ts';
import { suiteBrowser } from '../../support/browser.ts';
import { CompareHost, textComparison } from '../../support/compareHost.ts';
import { type HostileText, hostileTexts } from '../../support/hostileTexts.ts';
import { openPanel, type PanelPage } from '../../support/panelPage.ts';

/** Longest time that the page may not answer, in milliseconds, on a busy machine. */
const longestTask = 4000;

/** Shows each text as prompt and as both responses, in every look, one after the other. */
async function showAll(texts: readonly HostileText[], panel: PanelPage<ComparePageMethods>): Promise<string[]> {
  const { page } = panel;
  const problems: string[] = [];
  for (const { name } of texts) {
    const began = Date.now();
    await page.waitForSelector(`[data-painted="${name}"]`, { timeout: 20_000 });
    // Every button that the text brought: a link's address, "Show all".
    await page.evaluate(`for (const made of document.querySelectorAll('.stage button')) made.click()`);
    for (const key of ['r', 'r', 'd', 'd']) await page.keyboard.press(key);
    const state = await page.evaluate<{ ran: unknown; elements: number; longest: number }>(`({
      ran: window.ran,
      elements: document.querySelectorAll(
        '.stage :is(script, iframe, object, embed, form, link, meta, base, style, img, image, video, audio, input, [id], [onclick], [onerror], [onload], a[href])',
      ).length,
      longest: window.longestTask(),
    })`);
    if (state.ran !== undefined) problems.push(`${name}: ran`);
    if (state.elements > 0) problems.push(`${name}: ${state.elements} elements that do something`);
    if (state.longest > longestTask)
      problems.push(`${name}: the page did not answer for ${Math.round(state.longest)} ms`);
    if (Date.now() - began > 15_000) problems.push(`${name}: took ${Date.now() - began} ms`);
    await page.keyboard.press('t');
  }
  return problems;
}

describe('hostile texts in the comparison panel', () => {
  const held = suiteBrowser();
  let panel: PanelPage<ComparePageMethods> | undefined;
  afterEach(() => panel?.close());

  async function show(texts: readonly HostileText[]): Promise<{ host: CompareHost; problems: string[] }> {
    const host = new CompareHost([
      ...texts.map(({ name, text }) => textComparison(name, text, [text, `${text} and more`])),
      textComparison('last'),
    ]);
    panel = await openPanel<CompareHostMethods, ComparePageMethods>({
      browser: held.browser,
      name: 'compare',
      handlers: host.handlers,
    });
    await panel.page.evaluate(`{
      let longest = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
      }).observe({ entryTypes: ['longtask'] });
      window.longestTask = () => { const was = longest; longest = 0; return was; };
    }`);
    const problems = await showAll(texts, panel);
    await panel.page.waitForSelector('[data-painted="last"]');
    return { host, problems };
  }

  it('has at least 200 of them', () => {
    assert.ok(hostileTexts.length >= 200, `${hostileTexts.length}`);
    assert.equal(new Set(hostileTexts.map(({ name }) => name)).size, hostileTexts.length);
  });

  for (const kind of new Set(hostileTexts.map(({ name }) => name.split(' ')[0]))) {
    it(`stay text: ${kind}`, async function () {
      this.timeout(300_000);
      const texts = hostileTexts.filter(({ name }) => name.startsWith(`${kind} `));
      const { host, problems } = await show(texts);
      assert.deepEqual(problems, []);
      assert.deepEqual(panel!.errors, []);
      assert.deepEqual(panel!.violations, []);
      const outside = panel!.requests.filter((address) => !address.startsWith(`${panel!.origin}/`));
      assert.deepEqual(outside, []);
      assert.deepEqual(
        new Set(panel!.requests.map((address) => new URL(address).pathname.split('/')[1])),
        new Set(['', 'webviews']),
      );
      // Speed warnings aside, each of them was decided as a tie and by nothing else.
      assert.deepEqual(
        host.decisions.map(({ comparison, choice }) => `${comparison}: ${choice}`),
        texts.map(({ name }) => `${name}: tie`),
      );
    });
  }
});
