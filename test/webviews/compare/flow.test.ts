import assert from 'node:assert/strict';
import { suiteBrowser } from '../../support/browser.ts';
import {
  allIsSaved,
  CompareHost,
  type ComparePage,
  heardCalls,
  openCompare,
  pairIsPainted,
  textComparison,
  textComparisons,
} from '../../support/compareHost.ts';

/** A pair that came back by itself takes no decision for a moment. */
const settled = (panel: ComparePage) => panel.page.waitForSelector('main:not([data-settling])');

/** A gate that keeps whoever waits at it until it is opened. */
function gate(): { readonly wait: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}

describe('flow of the comparison panel', () => {
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

  it('paints the next pair while the decision is still on its way, and sends one after the other', async () => {
    const page = await open();
    const first = gate();
    host.before = (method) => (method === 'decide' && host.count('decide') === 1 ? first.wait : undefined);
    for (const [at, key] of ['1', '4', 't'].entries()) {
      await page.keyboard.press(key);
      await pairIsPainted(panel, `p${at + 2}`);
    }
    assert.equal(host.count('decide'), 1);
    assert.match(await page.innerText('.strip-words'), /Tie saving… \(3 waiting\)/);
    // Neither names nor lengths before it is on the disk.
    assert.doesNotMatch(await page.innerText('body'), /model-one|characters/);
    first.open();
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p1: p1-one', 'p2: p2-two', 'p3: tie']);
    assert.match(
      await page.innerText('.strip-words'),
      /^Tie · saved · A: model-one, 19 characters · B: model-two, 20 characters/,
    );
    assert.equal(await page.innerText('[role=status]'), 'Saved, 3 of 20');
    assert.match(await page.innerText('.progress'), /3 of 20\s*· 17 left · 6\.2 s each · about 2 min to go/);
  });

  it('keeps three pairs ahead, and asks for none that it has', async () => {
    const page = await open(30);
    for (let at = 1; at <= 20; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('b');
    }
    await pairIsPainted(panel, 'p21');
    await allIsSaved(panel);
    const asked = host.heard
      .filter(({ method }) => method === 'more')
      .map(({ params }) => params as { held: string[] });
    assert.ok(asked.length >= 5 && asked.length <= 12, `${asked.length}`);
    for (const { held: ids } of asked) assert.ok(ids.length >= 4, `${ids}`);
    assert.deepEqual(
      decided(),
      Array.from({ length: 20 }, (_, at) => `p${at + 1}: p${at + 1}-two`),
    );
  });

  it('brings the pair back when it could not be saved, with the sentence and all that was put in', async () => {
    const page = await open(5);
    host.before = (method) => {
      if (method === 'decide') throw new Error('The disk is full: free some space.');
    };
    await page.keyboard.press('c');
    await page.keyboard.type('too long');
    await page.keyboard.press('Escape');
    await page.keyboard.press('4');
    await page.waitForSelector('.notice >> text=The disk is full');
    assert.equal(await page.getAttribute('main', 'data-pair'), 'p1');
    assert.equal(await page.inputValue('.comment'), 'too long');
    assert.equal(await page.getAttribute('[role=radio] >> nth=3', 'aria-checked'), 'true');
    assert.equal(await page.innerText('[role=alert]'), 'The disk is full: free some space.');
    // A key that was meant for the pair before it decides nothing.
    await page.keyboard.press('1');
    assert.equal(host.count('decide'), 1);
    host.before = () => {};
    await settled(panel);
    await page.keyboard.press('Enter');
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p1: p1-two']);
    assert.equal(host.decisions[0].comment, 'too long');
    assert.equal(host.decisions[0].strength, 2);
    assert.equal(await page.locator('.notice').isVisible(), false);
  });

  it('goes on with later decisions when an earlier one fails, and keeps the order of what came back', async () => {
    const page = await open(8);
    const doors = gate();
    host.before = async (method, params) => {
      if (method !== 'decide') return;
      await doors.wait;
      if (/p[13]$/.test((params as { comparison: string }).comparison)) throw new Error('Not saved.');
    };
    for (let at = 1; at <= 4; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('1');
    }
    await pairIsPainted(panel, 'p5');
    doors.open();
    await pairIsPainted(panel, 'p1');
    await heardCalls(host, 'decide', 4);
    await allIsSaved(panel);
    assert.deepEqual(decided(), ['p2: p2-one', 'p4: p4-one']);
    host.before = () => {};
    for (const id of ['p1', 'p3', 'p5']) {
      await pairIsPainted(panel, id);
      await settled(panel);
      await page.keyboard.press('b');
    }
    await allIsSaved(panel);
    assert.deepEqual(decided().slice(2), ['p1: p1-two', 'p3: p3-two', 'p5: p5-two']);
  });

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

  it('keeps the pair on a refresh while it is open, and leaves it when it is not', async () => {
    const page = await open(8);
    await page.keyboard.press('c');
    await page.keyboard.type('mine');
    host.settings.scale = 6;
    await panel.host.call('refresh', { progress: host.progress() });
    await page.waitForSelector('[role=radio] >> text=A slightly better');
    assert.equal(await page.getAttribute('main', 'data-pair'), 'p1');
    assert.equal(await page.inputValue('.comment'), 'mine');
    // Decided in another window.
    await host.handlers.decide({
      comparison: 'p1',
      shown: ['p1-one', 'p1-two'],
      choice: 'tie',
      scale: 6,
      aspects: {},
      comment: '',
      ms: 1,
    });
    await panel.host.call('refresh', { progress: host.progress() });
    await pairIsPainted(panel, 'p2');
    assert.equal(await page.inputValue('.comment'), '');
    await page.waitForSelector('.strip-words >> text=Tie');
    // Taken back there: it is asked again.
    await host.handlers.undo(null);
    await panel.host.call('refresh', { progress: host.progress() });
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p1');
  });

  it('goes to the pair that the host wants to be shown, and on with the others after it', async () => {
    const page = await open(8);
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    // Asked for by name, and decided: its decision is changed.
    const ready = host.handlers.ready;
    (host.handlers as { ready: typeof ready }).ready = async (params) => {
      const start = await ready(params);
      return { ...start, current: host.comparisons[0] };
    };
    await panel.host.call('refresh', { progress: host.progress() });
    await pairIsPainted(panel, 'p1');
    (host.handlers as { ready: typeof ready }).ready = ready;
    await page.keyboard.press('4');
    await pairIsPainted(panel, 'p2');
    await allIsSaved(panel);
    assert.deepEqual(
      host.decisions.map(({ comparison, choice }) => `${comparison}: ${choice}`),
      ['p1: p1-one', 'p1: p1-two'],
    );
  });

  it('offers the next step when there is nothing to compare', async () => {
    const page = await open(1);
    await page.keyboard.press('1');
    await page.waitForSelector('.placeholder >> text=Everything is decided');
    await page.click('text=Export preferences');
    await page.keyboard.press('1');
    await page.keyboard.press('t');
    assert.equal(host.count('decide'), 1);
    await page.keyboard.press('Control+z');
    await pairIsPainted(panel, 'p1');
    for (const [empty, what] of [
      ['noPrompts', 'Open the prompts'],
      ['noResponses', 'Generate responses'],
    ] as const) {
      host.comparisons.length = 0;
      const queue = host.queue.bind(host);
      host.queue = (count, ids) => ({ ...queue(count, ids), empty });
      await panel.host.call('refresh', { progress: host.progress() });
      await page.click(`.placeholder >> text=${what}`);
    }
    const opened = host.heard.filter(({ method }) => method === 'open').map(({ params }) => params);
    assert.deepEqual(opened, [{ what: 'export' }, { what: 'prompts' }, { what: 'generate' }]);
  });

  it('says why nothing could be loaded, and tries again', async () => {
    host = new CompareHost(textComparisons(2));
    host.before = (method) => {
      if (method === 'ready') throw new Error('palate.json, line 3: scale must be 2, 4, 6 or 8.');
    };
    panel = await openCompare(held.browser, host);
    assert.match(await panel.page.innerText('.placeholder'), /palate\.json, line 3/);
    host.before = () => {};
    await panel.page.click('text=Try again');
    await pairIsPainted(panel, 'p1');
  });

  it('warns at improbable speed, and not at any other', async () => {
    const page = await open(12);
    const soon = `new Promise((resolve) => setTimeout(resolve, 420))`;
    for (let at = 1; at <= 3; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.evaluate(soon);
      await page.keyboard.press('1');
    }
    await pairIsPainted(panel, 'p4');
    assert.equal(await page.locator('.notice').isVisible(), false);
    // All three keys in one go, without a round trip to the test between them.
    await page.evaluate(`(async () => {
      for (let times = 0; times < 3; times++) {
        const before = document.getElementById('page').dataset.painted;
        document.getElementById('page').dispatchEvent(new KeyboardEvent('keydown', { key: '1', bubbles: true }));
        while (document.getElementById('page').dataset.painted === before) await new Promise(requestAnimationFrame);
      }
    })()`);
    await page.waitForSelector('.notice >> text=3 decisions in a row');
  });

  it('survives messages that make no sense', async () => {
    const page = await open(5);
    await page.evaluate(`{
      const send = (data) => window.dispatchEvent(new MessageEvent('message', { data }));
      for (const data of [
        null, 7, 'refresh', [], {}, { kind: 'request' }, { kind: 'request', id: 'x', method: 'refresh' },
        { kind: 'request', id: 1, method: '__proto__' }, { kind: 'request', id: 2, method: 'command', params: { name: 'reboot' } },
        { kind: 'request', id: 3, method: 'constructor', params: null }, { kind: 'request', id: 4, method: 'command', params: null },
        { kind: 'reply', id: 99, ok: 1 }, { kind: 'reply', id: -1, error: 7 }, { kind: 'reply' }, { kind: 'x', id: 1 },
      ]) send(data);
    }`);
    // Pairs that can't be shown are left out.
    host.comparisons.splice(1, 0, null as never, {} as never, { ...textComparison('x'), shown: [] } as never);
    host.comparisons.push({ ...textComparison('y'), prompt: { id: 'q', content: 7 } } as never);
    host.open = () => host.comparisons.filter((pair) => !host.log.some(({ comparison }) => comparison.id === pair?.id));
    await panel.host.call('refresh', { progress: host.progress() });
    for (let at = 1; at <= 5; at++) {
      await pairIsPainted(panel, `p${at}`);
      await page.keyboard.press('1');
    }
    await allIsSaved(panel);
    assert.deepEqual(
      decided(),
      [1, 2, 3, 4, 5].map((at) => `p${at}: p${at}-one`),
    );
    assert.deepEqual(panel.errors, []);
  });
});
