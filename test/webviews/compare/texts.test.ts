import assert from 'node:assert/strict';
import { suiteBrowser } from '../../support/browser.ts';
import {
  CompareHost,
  type ComparePage,
  openCompare,
  pairIsPainted,
  textComparison,
} from '../../support/compareHost.ts';
import { holdsInPage } from '../../support/panelPage.ts';

describe('texts in the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage;
  afterEach(() => panel?.close());

  async function show(a: string, b = 'other', prompt: Parameters<typeof textComparison>[1] = 'Why?') {
    panel = await openCompare(held.browser, new CompareHost([textComparison('p1', prompt, [a, b])]));
    return panel.page;
  }
  const inA = (selector: string) => `.side-a ${selector}`;

  it('are rendered: Markdown, code in colours, formulas with their fonts', async () => {
    const page = await show(
      '# Title\n\n**bold** and `code`\n\n```python\ndef f(): return "x"\n```\n\n| a | b |\n|--|--:|\n| 1 | 2 |\n\n$x^2$, \\(y\\) and $$\\frac{1}{2}$$ but $5 and $6.',
    );
    assert.equal(await page.innerText(inA('h3')), 'Title');
    assert.equal(await page.innerText(inA('strong')), 'bold');
    assert.equal(await page.innerText(inA('pre .hljs-keyword >> nth=0')), 'def');
    assert.equal(await page.locator(inA('td.align-right')).count(), 1);
    assert.equal(await page.locator(inA('.katex')).count(), 3);
    assert.match(await page.innerText(inA('.part')), /but \$5 and \$6\./);
    // The exponent is higher than its base: KaTeX's styles have arrived though no style attribute may.
    const [base, exponent] = await page.evaluate<number[]>(
      `[...document.querySelectorAll('.side-a .formula .mord:not(:has(*))')].slice(0, 2).map((one) => one.getBoundingClientRect().bottom)`,
    );
    assert.ok(exponent < base, `${exponent} ${base}`);
    await page.evaluate('document.fonts.ready');
    assert.equal(await page.evaluate(`document.fonts.check('16px KaTeX_Math')`), true);
    assert.ok(panel.requests.some((address) => address.includes('KaTeX_Math')));
    assert.deepEqual(panel.violations, []);
  });

  it('are shown as they are on request, the prompt too', async () => {
    const page = await show('**a** $x$', 'b', '*why*');
    await page.keyboard.press('r');
    assert.equal(await page.innerText(inA('.raw')), '**a** $x$');
    assert.equal(await page.innerText('.prompt'), '*why*');
    assert.equal(await page.locator('.stage :is(strong, em, .katex)').count(), 0);
  });

  it('show links with their addresses, which only copy, and no remote picture', async () => {
    const page = await show('[here](https://example.com/a?b=1) and ![logo](https://example.com/logo.png)');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: panel.origin });
    assert.equal(await page.innerText(inA('.link')), 'here');
    assert.equal(await page.innerText(inA('.unloaded')), 'Picture not loaded: logo (https://example.com/logo.png)');
    assert.equal(await page.locator('.stage a, .stage img').count(), 0);
    await page.click(inA('.address'));
    await holdsInPage(page, `document.querySelector('[role=status]').textContent.startsWith('Address copied')`);
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), 'https://example.com/a?b=1');
    assert.equal(page.url(), `${panel.origin}/`);
  });

  it('show what is not seen by its code point, and leave what belongs there', async () => {
    const page = await show('a\u202Eb \u200Bc \u0000', '👩‍👩‍👧 می‌خواهم 🏴󠁧󠁢󠁥󠁮󠁧󠁿 क्‍ष');
    const marks = (side: string) => page.locator(`.side-${side} .invisible`).allInnerTexts();
    assert.deepEqual(await marks('a'), ['U+202E', 'U+200B']);
    assert.deepEqual(await marks('b'), []);
    await page.keyboard.press('r');
    assert.deepEqual(await marks('a'), ['U+202E', 'U+200B', 'U+0000']);
    await page.keyboard.press('d');
    await page.waitForSelector(inA('del'));
    assert.deepEqual(await marks('a'), ['U+202E', 'U+200B', 'U+0000']);
  });

  it('of a conversation fold all but the last turn', async () => {
    const page = await show('a', 'b', [
      { role: 'system', content: 'Be *brief*.' },
      { role: 'user', content: 'First?' },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'And **now**?' },
    ]);
    assert.match(await page.innerText('.prompt'), /^3 earlier turns\s+user\s+And now\?$/);
    await page.click('.earlier summary');
    await page.waitForSelector('.earlier .turn >> nth=2');
    assert.match(await page.innerText('.prompt'), /system\s+Be brief\.\s+user\s+First\?\s+assistant\s+Yes\./);
  });

  it('differ by words, also long ones and one line of megabytes', async () => {
    const words = Array.from({ length: 60_000 }, (_, at) => `word${at}${at % 12 === 11 ? '.\n' : ''}`);
    const other = [...words];
    other[100] = 'changed';
    other.splice(4000, 3);
    const page = await show(words.join(' '), other.join(' '));
    await page.keyboard.press('d');
    await page.waitForSelector(inA('del'));
    await page.waitForSelector('.pane ins');
    assert.deepEqual((await page.locator('.pane ins').allTextContents()).slice(0, 1), ['changed']);
    assert.deepEqual((await page.locator('.pane del').allTextContents()).slice(0, 1), ['word100']);
    assert.equal(await page.locator('.note').isVisible(), false);
  });

  it('that are the same are said to be', async () => {
    const page = await show('same', 'same');
    await page.keyboard.press('d');
    await page.waitForSelector('.note >> text=Both texts are the same.');
  });

  it('scroll together, each over its own length, until that is switched off', async () => {
    const page = await show('line\n\n'.repeat(300), 'line\n\n'.repeat(100));
    const shares = () =>
      page.evaluate<number[]>(
        `[...document.querySelectorAll('.pane')].map((pane) => pane.scrollTop / (pane.scrollHeight - pane.clientHeight))`,
      );
    const scroll = (share: number) =>
      page.evaluate(`new Promise((resolve) => {
        const pane = document.querySelector('.pane');
        pane.scrollTop = ${share} * (pane.scrollHeight - pane.clientHeight);
        requestAnimationFrame(() => requestAnimationFrame(resolve));
      })`);
    await scroll(0.5);
    const [a, b] = await shares();
    assert.ok(Math.abs(a - 0.5) < 0.02 && Math.abs(b - 0.5) < 0.02, `${a} ${b}`);
    await page.keyboard.press('l');
    await scroll(0.9);
    const [, unlinked] = await shares();
    assert.ok(Math.abs(unlinked - 0.5) < 0.02, `${unlinked}`);
  });

  it('of 5 MB are there at once, folded, and all of it on request', async () => {
    const text = 'word '.repeat(1_000_000);
    const host = new CompareHost([textComparison('p0'), textComparison('p1', text, [text, text])]);
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p1');
    const characters = () => page.evaluate<number>(`document.querySelector('.side-a .text').textContent.length`);
    assert.ok((await characters()) < 60_000);
    await page.click(inA('button:has-text("Show all")'));
    await holdsInPage(page, `document.querySelector('.side-a .text').textContent.length >= 4_900_000`);
    // A decision does not wait for the rest of it.
    await page.keyboard.press('1');
    await page.waitForSelector('.placeholder');
  });
});
