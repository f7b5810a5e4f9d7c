import assert from 'node:assert/strict';
import sharp from 'sharp';
import { suiteBrowser } from '../../support/browser.ts';
import {
  CompareHost,
  type ComparePage,
  heardCalls,
  imageComparison,
  openCompare,
  pairIsPainted,
  textComparison,
} from '../../support/compareHost.ts';
import { holdsInPage } from '../../support/panelPage.ts';

const drawing = (colour: string, width = 200, height = 100) =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect x="20" y="20" width="60" height="60" fill="${colour}"/></svg>`,
    ),
  )
    .png()
    .toBuffer();

interface Seen {
  readonly src: string;
  readonly transform: string;
  readonly rendering: string;
  readonly alt: string;
}

describe('pictures in the comparison panel', () => {
  const held = suiteBrowser();
  let panel: ComparePage;
  let host: CompareHost;
  afterEach(() => panel?.close());

  /** i1: one.png and two.png, then a text pair, then i2 with the same pictures. */
  async function open(): Promise<ComparePage['page']> {
    const paths = ['one.png', 'two.png'] as const;
    host = new CompareHost([imageComparison('i1', paths), textComparison('t1'), imageComparison('i2', paths)]);
    const pictures = [await drawing('#c33'), await drawing('#33c')];
    // The panel's address is known when it is open: it waits for its pictures until then.
    let offer = () => {};
    const offered = new Promise<void>((resolve) => {
      offer = resolve;
    });
    host.before = (method) => (method === 'image' ? offered : undefined);
    panel = await openCompare(held.browser, host);
    paths.forEach((path, at) => {
      panel.pictures.set(`/pictures/${path}`, pictures[at]);
      host.images.set(path, { url: `${panel.origin}/pictures/${path}`, width: 200, height: 100 });
    });
    offer();
    return panel.page;
  }
  const bothAreThere = () =>
    panel.page
      .waitForSelector('.answers .answer:nth-child(2) .viewport:has(img)')
      .then(() => panel.page.waitForSelector('.answers .answer:nth-child(1) .viewport:has(img)'));
  const seen = (within = '.answers .viewport') =>
    panel.page.evaluate<Seen[]>(`[...document.querySelectorAll('${within} img')].map((image) => ({
      src: image.src.split('/').at(-1), transform: image.style.transform, rendering: image.style.imageRendering, alt: image.alt,
    }))`);
  const scaleOf = ({ transform }: Seen) => Number(/scale\(([\d.]+)\)/.exec(transform)?.[1]);
  const placeOf = ({ transform }: Seen) =>
    /translate\((-?[\d.]+)px, (-?[\d.]+)px\)/.exec(transform)!.slice(1).map(Number);

  it('fit their panes, go to 1:1 and back, and zoom together', async () => {
    const page = await open();
    await bothAreThere();
    const fit = await seen();
    assert.deepEqual(
      fit.map(({ src }) => src),
      ['one.png', 'two.png'],
    );
    assert.deepEqual(
      fit.map(({ alt }) => alt),
      ['Response A, a picture of 200 × 100 pixels', 'Response B, a picture of 200 × 100 pixels'],
    );
    const box = (await page.locator('.viewport >> nth=0').boundingBox())!;
    assert.ok(Math.abs(scaleOf(fit[0]) - Math.min(box.width / 200, box.height / 100)) < 0.02, fit[0].transform);
    await page.keyboard.press('z');
    assert.deepEqual((await seen()).map(scaleOf), [1, 1]);
    assert.deepEqual(
      (await seen()).map(({ rendering }) => rendering),
      ['auto', 'auto'],
    );
    for (let times = 0; times < 4; times++) await page.keyboard.press('+');
    const near = await seen();
    assert.ok(near.every((one) => Math.abs(scaleOf(one) - 1.5 ** 4) < 0.01));
    assert.deepEqual(
      near.map(({ rendering }) => rendering),
      ['pixelated', 'pixelated'],
    );
    await page.keyboard.press('-');
    assert.ok(scaleOf((await seen())[1]) < scaleOf(near[1]));
    await page.keyboard.press('0');
    assert.deepEqual(await seen(), fit);
    assert.equal(host.count('decide'), 0);
  });

  it('are moved together by arrows, dragging and the wheel', async () => {
    const page = await open();
    await bothAreThere();
    await page.keyboard.press('z');
    for (let times = 0; times < 5; times++) await page.keyboard.press('+');
    const before = (await seen()).map(placeOf);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    const after = (await seen()).map(placeOf);
    for (const side of [0, 1]) {
      assert.ok(after[side][0] < before[side][0], `${before} ${after}`);
      assert.ok(after[side][1] < before[side][1], `${before} ${after}`);
    }
    const box = (await page.locator('.viewport >> nth=1').boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 50, y, { steps: 3 });
    await page.mouse.up();
    const dragged = (await seen()).map(placeOf);
    for (const side of [0, 1]) assert.ok(Math.abs(dragged[side][0] - after[side][0] - 50) < 1, `${after} ${dragged}`);
    await page.mouse.wheel(0, 40);
    await page.keyboard.down('Control');
    const wheeled = scaleOf((await seen())[0]);
    await page.mouse.wheel(0, -50);
    await page.keyboard.up('Control');
    await holdsInPage(
      page,
      `Number(/scale\\(([\\d.]+)/.exec(document.querySelector('.viewport img').style.transform)[1]) > ${wheeled}`,
    );
    const [a, b] = await seen();
    assert.equal(a.transform, b.transform);
    assert.equal(host.count('decide'), 0);
  });

  it('change places while F is held, their letters with them, and a decision is still about the letter', async () => {
    const page = await open();
    await bothAreThere();
    const letters = () => page.locator('.answers .letter').allInnerTexts();
    await page.keyboard.down('f');
    assert.deepEqual(
      (await seen()).map(({ src }) => src),
      ['two.png', 'one.png'],
    );
    assert.deepEqual(await letters(), ['B', 'A']);
    await page.keyboard.up('f');
    assert.deepEqual(
      (await seen()).map(({ src }) => src),
      ['one.png', 'two.png'],
    );
    assert.deepEqual(await letters(), ['A', 'B']);
    await page.keyboard.down('f');
    await page.keyboard.press('1');
    await page.keyboard.up('f');
    await heardCalls(host, 'decide', 1);
    assert.equal(host.decisions[0].choice, 'i1-one');
  });

  it('change places while the button is held, which prints the key', async () => {
    const page = await open();
    await bothAreThere();
    const tool = page.locator('button:has-text("Hold to flip")');
    assert.equal(await tool.locator('kbd').innerText(), 'F');
    const box = (await tool.boundingBox())!;
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.mouse.down();
    assert.deepEqual(
      (await seen()).map(({ src }) => src),
      ['two.png', 'one.png'],
    );
    await page.mouse.move(5, 5);
    await page.mouse.up();
    assert.deepEqual(
      (await seen()).map(({ src }) => src),
      ['one.png', 'two.png'],
    );
    assert.equal(host.count('decide'), 0);
  });

  it('are several a response: a button and its key show the next of both', async () => {
    const page = await open();
    await bothAreThere();
    assert.equal(await page.locator('button:has-text("Next picture")').count(), 0);
    await page.keyboard.press('n');
    assert.deepEqual((await seen()).length, 2);
    for (const { parts } of host.comparisons[0].shown) {
      (parts as unknown[]).push({ ...parts[0], path: 'two.png' });
    }
    await panel.reload();
    await pairIsPainted(panel, 'i1');
    await bothAreThere();
    assert.equal(await page.locator('button:has-text("Next picture") kbd').innerText(), 'N');
    await page.keyboard.press('n');
    await page.waitForSelector('.side-a img[src$="two.png"]');
    await page.waitForSelector('.side-b img[src$="two.png"]');
    await page.keyboard.press('n');
    await page.waitForSelector('.side-a img[src$="one.png"]');
  });

  it('have squares behind what is transparent in them, and nothing around them', async () => {
    const page = await open();
    await bothAreThere();
    const backgrounds = await page.evaluate<[string, string]>(`['.viewport', '.viewport img'].map(
      (one) => getComputedStyle(document.querySelector(one)).backgroundImage)`);
    assert.equal(backgrounds[0], 'none');
    assert.match(backgrounds[1], /conic/);
  });

  it('lie over one another, with a slider, or as their difference', async () => {
    const page = await open();
    await bothAreThere();
    await page.keyboard.press('w');
    const over = await seen('.over .viewport');
    assert.deepEqual(
      over.map(({ src }) => src),
      ['one.png', 'two.png'],
    );
    const cut = () => page.evaluate<string>(`document.querySelectorAll('.over img')[1].style.clipPath`);
    const before = await cut();
    await page.focus('.swipe');
    for (let times = 0; times < 5; times++) await page.keyboard.press('ArrowRight');
    assert.notEqual(await cut(), before);
    await page.keyboard.press('d');
    const pixels = await page.evaluate<[number[], number[]]>(`(() => {
      const canvas = document.querySelector('.over canvas');
      const at = (x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
      return [at(50, 50), at(150, 50)];
    })()`);
    // #c33 and #33c differ by 0x99 in red and blue; beside the square both are empty.
    assert.deepEqual(pixels, [
      [0x99, 0, 0x99, 255],
      [0, 0, 0, 255],
    ]);
    assert.equal(host.count('decide'), 0);
    await page.keyboard.press('1');
    await pairIsPainted(panel, 't1');
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'i2');
    // Looked at in the way that was chosen for the pair before.
    await page.waitForSelector('.over canvas');
    await page.keyboard.press('d');
    await bothAreThere();
  });

  it('are asked for before their pair is shown, each once', async () => {
    const page = await open();
    await bothAreThere();
    await page.keyboard.press('1');
    await pairIsPainted(panel, 't1');
    await page.keyboard.press('1');
    await pairIsPainted(panel, 'i2');
    await bothAreThere();
    assert.deepEqual(
      host.heard.filter(({ method }) => method === 'image').map(({ params }) => params),
      [{ path: 'one.png' }, { path: 'two.png' }],
    );
  });

  it('need not be there for a preference, but for a tie one of them has to', async () => {
    host = new CompareHost([
      imageComparison('i1', ['one.png', 'two.png']),
      imageComparison('i2', ['one.png', 'x.png']),
      textComparison('t1'),
    ]);
    const picture = await drawing('#c33');
    const doors: (() => void)[] = [];
    host.before = (method) => (method === 'image' ? new Promise((resolve) => doors.push(resolve)) : undefined);
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    for (const key of ['x', 't', 'g']) await page.keyboard.press(key);
    assert.match(await page.innerText('.notice'), /have not appeared yet/);
    assert.equal(host.count('decide'), 0);
    await page.keyboard.press('2');
    await pairIsPainted(panel, 'i2');
    panel.pictures.set('/pictures/one.png', picture);
    host.images.set('one.png', { url: `${panel.origin}/pictures/one.png`, width: 200, height: 100 });
    await heardCalls(host, 'image', 3);
    host.before = () => {};
    for (const open of doors) open();
    await page.waitForSelector('.answers .viewport img');
    // The other one can't be had, and its pane says why.
    await page.waitForSelector('.missing >> text=x.png is not a picture.');
    await page.keyboard.press('x');
    await pairIsPainted(panel, 't1');
    await heardCalls(host, 'decide', 2);
    assert.deepEqual(
      host.decisions.map(({ choice }) => choice),
      ['i1-one', 'bothBad'],
    );
  });

  it('that could not be had are tried again on request', async () => {
    host = new CompareHost([imageComparison('i1', ['one.png', 'two.png'])]);
    panel = await openCompare(held.browser, host);
    const { page } = panel;
    await page.waitForSelector('.answer:nth-child(2) .missing button');
    // Not a picture at all, though it has an address.
    panel.pictures.set('/pictures/one.png', Buffer.from('<svg onload=alert(1)>'));
    panel.pictures.set('/pictures/two.png', await drawing('#33c'));
    for (const path of ['one.png', 'two.png']) {
      host.images.set(path, { url: `${panel.origin}/pictures/${path}`, width: 200, height: 100 });
    }
    await page.click('.answer:nth-child(1) .missing button');
    await page.waitForSelector('.answer:nth-child(1) .missing >> text=could not be shown');
    await page.click('.answer:nth-child(2) .missing button');
    await page.waitForSelector('.answer:nth-child(2) .viewport img');
    assert.deepEqual(panel.errors, []);
  });
});
