import assert from 'node:assert/strict';
import { suiteBrowser } from '../../support/browser.ts';
import {
  allIsSaved,
  CompareHost,
  type ComparePage,
  heardCalls,
  openCompare,
  pairIsPainted,
  textComparisons,
} from '../../support/compareHost.ts';
import { gate } from '../../support/gate.ts';

describe('undo, redo and reload of the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage;
  let host: CompareHost;
  afterEach(() => panel?.close());

  async function open(pairs: CompareHost['comparisons'] | number = 20): Promise<ComparePage['page']> {
    host = new CompareHost(typeof pairs === 'number' ? textComparisons(pairs) : pairs);
    panel = await openCompare(held.browser, host);
    return panel.page;
  }
  const decided = () => host.log.map(({ comparison, event }) => `${comparison.id}: ${event.choice ?? event.event}`);

  it('takes back and redoes, also what was decided before', async () => {
    const page = await open(6);
    for (let at = 1; at <= 2; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press(String(at));
    }
    await pairIsPainted(panel, 'p3');
    await page.keyboard.press('Control+z');
    await pairIsPainted(panel, 'p2');
    // What it was is pointed at, not picked.
    assert.equal(await page.innerText('.radio.before .radio-label'), 'A better');
    assert.equal(await page.locator('[role=radio][aria-checked=true]').count(), 0);
    await page.keyboard.press('Control+z');
    await pairIsPainted(panel, 'p1');
    await page.keyboard.press('Control+y');
    await pairIsPainted(panel, 'p2');
    assert.deepEqual(decided(), ['p1: p1-one']);
    await page.keyboard.press('4');
    await pairIsPainted(panel, 'p3');
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p1: p1-one', 'p2: p2-two']);
    await page.click('.strip >> text=Undo');
    await pairIsPainted(panel, 'p2');
    await panel.host.call('command', { name: 'undo' });
    await pairIsPainted(panel, 'p1');
    await page.keyboard.press('Control+Shift+z');
    await pairIsPainted(panel, 'p2');
  });

  it('takes nothing else back when what should be taken back was not saved', async () => {
    const page = await open(6);
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    const door = gate();
    host.before = async (method) => {
      if (method !== 'decide') return;
      await door.wait;
      throw new Error('Not saved.');
    };
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p3');
    await page.keyboard.press('Control+z');
    door.open();
    await page.waitForSelector('.notice >> text=Not saved.');
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    assert.equal(host.count('undo'), 0);
    assert.deepEqual(decided(), ['p1: p1-one']);
  });

  it('decides nothing while an undo is on its way', async () => {
    const page = await open(6);
    for (let at = 1; at <= 3; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('1');
    }
    await pairIsPainted(panel, 'p4');
    await allIsSaved(panel);
    const door = gate();
    host.before = (method) => (method === 'undo' ? door.wait : undefined);
    await page.keyboard.press('Control+z');
    await page.keyboard.press('4');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('4');
    door.open();
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    assert.deepEqual([host.count('decide'), host.count('undo')], [3, 2]);
    assert.deepEqual(decided(), ['p1: p1-one']);
    for (let at = 2; at <= 3; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('4');
    }
    await pairIsPainted(panel, 'p4');
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p1: p1-one', 'p2: p2-two', 'p3: p3-two']);
  });

  it('takes a key and the command that the editor makes of it for one', async () => {
    const page = await open(6);
    for (let at = 1; at <= 3; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('1');
    }
    await pairIsPainted(panel, 'p4');
    await allIsSaved(panel);
    await page.evaluate(`{
      window.addEventListener('keydown', (event) => {
        if (event.key === 'z') queueMicrotask(() => window.dispatchEvent(new MessageEvent('message', {
          data: { kind: 'request', id: 900, method: 'command', params: { name: 'undo' } },
        })));
      }, { capture: true });
    }`);
    await page.keyboard.press('Control+z');
    await pairIsPainted(panel, 'p3');
    await allIsSaved(panel);
    assert.equal(host.count('undo'), 1);
  });

  it('is where it was after it was hidden or reloaded', async () => {
    const page = await open(12);
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p2');
    await page.keyboard.press('r');
    await page.keyboard.press('c');
    await page.keyboard.type('half a thought');
    await allIsSaved(panel);
    await panel.reload();
    await pairIsPainted(panel, 'p2');
    const readies = host.heard.filter(({ method }) => method === 'ready').map(({ params }) => params);
    assert.deepEqual(readies, [{}, { current: 'p2' }]);
    assert.equal(await page.inputValue('.comment'), 'half a thought');
    assert.equal(await page.getAttribute('[data-action=raw]', 'aria-pressed'), 'true');
    assert.match(await page.innerText('.strip-words'), /A much better · saved/);
    await page.keyboard.press('b');
    await pairIsPainted(panel, 'p3');
    await allIsSaved(panel);
    assert.deepEqual(
      host.log.map(({ event }) => event.comment),
      ['', 'half a thought'],
    );
  });

  it('sends again what was on its way when it was reloaded, and nothing twice', async () => {
    const page = await open(12);
    // The first arrives, though the page never hears of it; the second and third had not left.
    const answers = gate();
    const decide = host.handlers.decide;
    (host.handlers as { decide: typeof decide }).decide = async (decision) => {
      const recorded = await decide(decision);
      await answers.wait;
      return recorded;
    };
    for (let at = 1; at <= 3; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('1');
    }
    await pairIsPainted(panel, 'p4');
    assert.deepEqual(decided(), ['p1: p1-one']);
    (host.handlers as { decide: typeof decide }).decide = decide;
    await panel.reload();
    answers.open();
    await pairIsPainted(panel, 'p4');
    await heardCalls(host, 'decide', 3);
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p1: p1-one', 'p2: p2-one', 'p3: p3-one']);
  });
});
