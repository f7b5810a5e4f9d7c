import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { packageRoot } from '../../../server/paths.ts';
import { suiteBrowser } from '../../support/browser.ts';
import {
  CompareHost,
  type ComparePage,
  imageComparison,
  openCompare,
  pairIsPainted,
  textComparison,
} from '../../support/compareHost.ts';
import { themes } from '../../support/panelPage.ts';

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

const answer =
  '# Title\n\nText with **bold**, `code`, [a link](https://example.com) and ![p](https://example.com/p.png).\n\n' +
  '```python\n# comment\ndef f(x: int) -> str:\n    return "text" + str(42 if True else None)\n```\n\n' +
  '> quoted\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\nHidden \u202E mark, $x^2$ and $$\\sum_{k=1}^n k$$';

describe('looks of the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage;
  afterEach(() => panel?.close());

  /** What axe finds serious or critical on the page as it is. */
  async function findings(state: string): Promise<string[]> {
    const axe = readFileSync(join(packageRoot(), 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
    const found = await panel.page.evaluate<{ violations: Finding[] }>(`{ ${axe} }
      // Half a transition has half a contrast.
      Promise.all(document.getAnimations().map((one) => one.finished)).then(() => window.axe.run(document, { resultTypes: ['violations'] }))`);
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${state}: ${id}: ${html.slice(0, 200)} ${failureSummary}`),
      );
  }

  for (const theme of themes) {
    it(`axe finds nothing serious: ${theme}`, async () => {
      const host = new CompareHost(
        [
          textComparison(
            'p1',
            [
              { role: 'user', content: 'a' },
              { role: 'assistant', content: 'b' },
              { role: 'user', content: 'c' },
            ],
            [answer, answer.replace('quoted', 'other')],
          ),
          imageComparison('i1', ['one.png', 'missing.png']),
          textComparison('p2'),
        ],
        { guidelines: '# Rules\n\nBe **fair**.' },
      );
      panel = await openCompare(held.browser, host, { theme });
      const { page } = panel;
      panel.pictures.set(
        '/one.png',
        await sharp({ create: { width: 40, height: 30, channels: 3, background: '#c33' } })
          .png()
          .toBuffer(),
      );
      host.images.set('one.png', { url: `${panel.origin}/one.png`, width: 40, height: 30 });
      const found = await findings('text');
      await page.keyboard.press('d');
      await page.waitForSelector('.pane ins');
      found.push(...(await findings('difference')));
      await page.keyboard.press('d');
      await page.keyboard.press('c');
      await page.keyboard.type('a comment');
      found.push(...(await findings('comment')));
      await page.keyboard.press('Escape');
      for (const key of ['h', '?', 's']) {
        await page.keyboard.press(key);
        found.push(...(await findings(`dialog ${key}`)));
        await page.keyboard.press('Escape');
        await page.waitForSelector('dialog', { state: 'detached' });
      }
      host.before = (method) => {
        if (method === 'decide') throw new Error('The disk is full.');
      };
      await page.keyboard.press('1');
      await page.waitForSelector('.notice:not([hidden])');
      found.push(...(await findings('not saved')));
      host.before = () => {};
      await page.waitForSelector('main:not([data-settling])');
      await page.keyboard.press('Enter');
      await pairIsPainted(panel, 'i1');
      await page.waitForSelector('.viewport img');
      found.push(...(await findings('pictures')));
      host.settings.aspects = ['Truth', 'Style'];
      await panel.host.call('refresh', { progress: host.progress() });
      await page.waitForSelector('.aspect');
      await page.keyboard.press('1');
      await page.keyboard.press('Alt+1');
      await page.keyboard.press('2');
      found.push(...(await findings('aspects')));
      host.comparisons.length = 0;
      await panel.host.call('refresh', { progress: host.progress() });
      await page.waitForSelector('.placeholder');
      found.push(...(await findings('empty')));
      assert.deepEqual(found, []);
      assert.deepEqual([...panel.errors, ...panel.violations], []);
    });
  }

  for (const scale of [2, 4, 8] as const) {
    it(`keys stand at the same place of every choice, and choices are equally wide: scale of ${scale}`, async () => {
      panel = await openCompare(held.browser, new CompareHost([textComparison('p1')], { scale }));
      const { page } = panel;
      for (let width = 600; width <= 2000; width += 100) {
        await page.setViewportSize({ width, height: 800 });
        const rows = await page.evaluate<{ width: number; under: boolean; gap: number; middle: number }[][]>(`
          ['.steps', '.ties'].map((part) => [...document.querySelectorAll(part + ' .radio')].map((radio) => {
            const box = radio.getBoundingClientRect();
            const label = radio.querySelector('.radio-label').getBoundingClientRect();
            const keys = radio.querySelector('.keys').getBoundingClientRect();
            return {
              width: box.width,
              under: keys.top >= label.bottom,
              gap: Math.round(box.bottom - keys.bottom),
              middle: Math.round(Math.abs((keys.left + keys.right - box.left - box.right) / 2)),
            };
          }))`);
        for (const row of rows) {
          const at = `${width}: ${JSON.stringify(row)}`;
          const widths = row.map((one) => one.width);
          assert.ok(Math.max(...widths) - Math.min(...widths) < 1, at);
          assert.ok(
            row.every(({ under, gap, middle }) => under && gap === row[0].gap && middle <= 1),
            at,
          );
        }
      }
    });
  }

  it('a notice covers nothing of the answers', async () => {
    const long = 'A line.\n\n'.repeat(80);
    const host = new CompareHost([textComparison('p1', 'Q?', [long, long]), textComparison('p2')]);
    panel = await openCompare(held.browser, host);
    host.before = (method) => {
      if (method === 'decide') throw new Error('The disk is full.');
    };
    await panel.page.keyboard.press('1');
    await panel.page.waitForSelector('.notice:not([hidden])');
    const notice = (await panel.page.locator('.notice').boundingBox())!;
    for (const pane of await panel.page.locator('.pane').all()) {
      const box = (await pane.boundingBox())!;
      assert.ok(box.y + box.height <= notice.y, JSON.stringify([box, notice]));
    }
    const deck = (await panel.page.locator('.deck').boundingBox())!;
    assert.ok(notice.y + notice.height <= deck.y + 1);
  });

  for (const [width, height] of [
    [320, 640],
    [320, 256],
    [640, 400],
    [1280, 720],
    [2560, 1440],
  ] as const) {
    it(`everything is in reach in ${width} × ${height}, with nothing to scroll to the side`, async () => {
      const long = `${answer}\n\n${'averyverylongword'.repeat(40)}\n\n$$${'x+'.repeat(120)}y$$`;
      const host = new CompareHost([textComparison('p1', long, [long, long]), textComparison('p2')], {
        scale: 8,
        aspects: ['A long name of an aspect', 'B'],
      });
      panel = await openCompare(held.browser, host, { width, height });
      const { page } = panel;
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width);
      for (const name of ['A much better', 'Both bad', 'Skip', 'Undo', 'Keys']) {
        const found = page.locator(`button:has-text("${name}")`).first();
        await found.scrollIntoViewIfNeeded();
        const box = (await found.boundingBox())!;
        assert.ok(
          box.x >= 0 && box.x + box.width <= width + 1 && box.width >= 24 && box.height >= 24,
          `${name}: ${JSON.stringify(box)}`,
        );
      }
      // Wherever there is room for it, both texts have some.
      for (const pane of await page.locator('.pane').all()) assert.ok((await pane.boundingBox())!.height >= 90);
    });
  }
});
