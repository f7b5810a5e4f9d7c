import assert from 'node:assert/strict';
import { defaultKeys } from '../../../webviews/protocol/compare.ts';
import { suiteBrowser } from '../../support/browser.ts';
import {
  CompareHost,
  type ComparePage,
  heardCalls,
  openCompare,
  pairIsPainted,
  textComparisons,
} from '../../support/compareHost.ts';

describe('keys of the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage;
  let host: CompareHost;
  afterEach(() => panel?.close());

  async function open(pairs = 6): Promise<ComparePage['page']> {
    host = new CompareHost(textComparisons(pairs), { guidelines: 'Prefer **short** answers.' });
    panel = await openCompare(held.browser, host);
    return panel.page;
  }
  /** Keys that reach the editor: it listens on the window, after the page. */
  async function listenAsEditor(): Promise<() => Promise<string[]>> {
    await panel.page.evaluate(`{
      window.passed = [];
      window.addEventListener('keydown', (event) => window.passed.push(event.key));
    }`);
    return () => panel.page.evaluate<string[]>('window.passed.splice(0)');
  }

  it('switch what is seen, and say so on their buttons', async () => {
    const page = await open();
    const pressed = (action: string) => page.getAttribute(`[data-action=${action}]`, 'aria-pressed');
    assert.equal(await pressed('link'), 'true');
    for (const [key, action] of [
      ['d', 'difference'],
      ['r', 'raw'],
      ['l', 'link'],
    ]) {
      const before = await pressed(action);
      await page.keyboard.press(key);
      assert.notEqual(await pressed(action), before);
    }
    await page.waitForSelector('.pane ins');
    assert.equal(host.count('decide'), 0);
  });

  it('show the difference while F is held, and no longer', async () => {
    const page = await open();
    await page.keyboard.down('f');
    await page.waitForSelector('.pane del');
    assert.deepEqual(await page.locator('.pane :is(del, ins)').allInnerTexts(), ['First', 'Second']);
    await page.keyboard.up('f');
    await page.waitForSelector('.pane del', { state: 'detached' });
    await page.keyboard.down('f');
    await page.waitForSelector('.pane del');
    await page.evaluate(`window.dispatchEvent(new Event('blur'))`);
    await page.waitForSelector('.pane del', { state: 'detached' });
  });

  it('open guidelines and the list of keys, whose own keys decide nothing', async () => {
    const page = await open();
    await page.keyboard.press('h');
    assert.match(await page.innerText('dialog'), /Prefer short answers/);
    for (const key of ['1', 'a', 't', 'x']) await page.keyboard.press(key);
    await page.click('dialog >> text=Edit');
    await heardCalls(host, 'open', 1);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.keyboard.press('?');
    assert.match(await page.innerText('dialog'), /Both pictures|Zoom both pictures/);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    assert.equal(host.count('decide'), 0);
    await page.keyboard.press('1');
    await heardCalls(host, 'decide', 1);
  });

  it('typed into the comment decide nothing; Escape leaves it, and it goes with the decision', async () => {
    const page = await open();
    await page.keyboard.press('c');
    await page.keyboard.type('banana 1234 taste Gxsd?');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    assert.equal(host.count('decide'), 0);
    assert.equal(await page.evaluate('document.activeElement.id'), 'page');
    await page.keyboard.press('c');
    await page.keyboard.type('more');
    await page.keyboard.press('Control+Enter');
    assert.equal(host.count('decide'), 0);
    await page.keyboard.press('2');
    await heardCalls(host, 'decide', 1);
    assert.equal(host.decisions[0].comment, 'banana 1234 taste Gxsd?\nmore');
    await pairIsPainted(panel, 'p2');
    assert.equal(await page.locator('.comment').isVisible(), false);
  });

  it('held down decide once', async () => {
    const page = await open();
    for (let times = 0; times < 5; times++) await page.keyboard.down('1');
    await page.keyboard.up('1');
    await pairIsPainted(panel, 'p2');
    await page.focus('.deck [role=radio] >> nth=0');
    for (let times = 0; times < 5; times++) await page.keyboard.down('Enter');
    await page.keyboard.up('Enter');
    await pairIsPainted(panel, 'p3');
    assert.equal(await page.getAttribute('main', 'data-pair'), 'p3');
    assert.deepEqual(
      host.decisions.map(({ comparison }) => comparison),
      ['p1', 'p2'],
    );
  });

  it('with modifiers are the editor’s, and so is every key that does nothing here', async () => {
    const page = await open();
    const passed = await listenAsEditor();
    const theirs = ['Control+1', 'Control+a', 'Meta+b', 'Alt+t', 'Shift+A', 'Control+Shift+x', 'Control+p', 'F1', 'q'];
    for (const key of theirs) await page.keyboard.press(key);
    const letters = (await passed()).filter((key) => !/^(Control|Meta|Alt|Shift)$/.test(key));
    assert.deepEqual(letters, ['1', 'a', 'b', 't', 'A', 'x', 'p', 'F1', 'q']);
    assert.equal(host.count('decide'), 0);
    for (const key of ['2', 'd', 'Control+z']) await page.keyboard.press(key);
    await heardCalls(host, 'undo', 1);
    assert.deepEqual(
      (await passed()).filter((key) => key !== 'Control'),
      [],
    );
  });

  it('of an input method or a dead key decide nothing', async () => {
    const page = await open();
    await page.evaluate(`{
      for (const init of [{ key: '1', isComposing: true }, { key: 'Process', code: 'Digit1' }, { key: 'Dead', code: 'KeyA' }]) {
        document.getElementById('page').dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, composed: true, ...init }));
      }
    }`);
    await page.keyboard.press('b');
    await heardCalls(host, 'decide', 1);
    assert.deepEqual(
      host.decisions.map(({ comparison, choice }) => [comparison, choice]),
      [['p1', 'p1-two']],
    );
  });

  it('work on keyboards of other scripts and with Caps Lock', async () => {
    const page = await open();
    const press = (init: object) =>
      page.evaluate(
        `document.getElementById('page').dispatchEvent(new KeyboardEvent('keydown', ${JSON.stringify({ bubbles: true, ...init })}))`,
      );
    await press({ key: 'ф', code: 'KeyA' });
    await pairIsPainted(panel, 'p2');
    await press({ key: '&', code: 'Digit1' });
    await pairIsPainted(panel, 'p3');
    await press({ key: 'B', code: 'KeyB' });
    await pairIsPainted(panel, 'p4');
    assert.deepEqual(
      host.decisions.map(({ choice, strength }) => [choice, strength]),
      [
        ['p1-one', 1],
        ['p2-one', 2],
        ['p3-two', 1],
      ],
    );
  });

  it('can all be changed, and are printed as they are', async () => {
    host = new CompareHost(textComparisons(8));
    host.keys = {
      ...defaultKeys,
      a: 'j',
      b: 'k',
      tie: 'u',
      bothGood: 'i',
      bothBad: 'o',
      skip: 'n',
      comment: 'm',
      difference: 'Y',
      help: 'F2',
    };
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    for (const key of ['a', 'b', 't', 'g', 'x', 's', 'd', '?']) await page.keyboard.press(key);
    assert.equal(host.count('decide') + host.count('skip'), 0);
    const choices: Record<string, string> = { j: 'p1-one', k: 'p2-two', u: 'tie', i: 'bothGood', o: 'bothBad' };
    for (const [at, key] of Object.keys(choices).entries()) {
      await pairIsPainted(panel, `p${at + 1}`);
      await page.keyboard.press(key);
    }
    await heardCalls(host, 'decide', 5);
    assert.deepEqual(
      host.decisions.map(({ choice }) => choice),
      Object.values(choices),
    );
    assert.match(await page.innerText('.ties'), /Tie\s*U\s*Both good\s*I\s*Both bad\s*O/);
    await page.keyboard.press('Shift+Y');
    await page.waitForSelector('.pane ins');
    await page.keyboard.press('F2');
    await page.waitForSelector('dialog');
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.keyboard.press('Enter');
    await heardCalls(host, 'skip', 1);
  });

  it('of a malformed setting fall back to their defaults', async () => {
    host = new CompareHost(textComparisons(3));
    host.keys = { ...defaultKeys, a: '1', b: 7, tie: '', skip: null } as never;
    panel = await openCompare(held.browser, host);
    await panel.page.keyboard.press('b');
    await pairIsPainted(panel, 'p2');
    await panel.page.keyboard.press('t');
    await heardCalls(host, 'decide', 2);
    assert.deepEqual(
      host.decisions.map(({ choice }) => choice),
      ['p1-two', 'tie'],
    );
  });

  it('tell the host whether the page or a field has the focus', async () => {
    const page = await open();
    const told = () => host.heard.filter(({ method }) => method === 'focus').map(({ params }) => params);
    await heardCalls(host, 'focus', 1);
    await page.keyboard.press('c');
    await heardCalls(host, 'focus', 2);
    await page.keyboard.press('Escape');
    await heardCalls(host, 'focus', 3);
    assert.deepEqual(told(), [
      { page: true, field: false },
      { page: true, field: true },
      { page: true, field: false },
    ]);
  });
});
