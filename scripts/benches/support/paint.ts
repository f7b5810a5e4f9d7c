import type { Browser } from 'playwright-core';
import { openPanel } from '../../../test/support/panelPage.ts';
import type { CompareHostMethods, ComparePageMethods } from '../../../webviews/protocol/compare.ts';
import type { Handlers } from '../../../webviews/protocol/messenger.ts';

export interface PaintOptions {
  readonly browser: Browser;
  /** The panel's host: a store, or a queue in memory. It needs at least `count` + 1 comparisons. */
  readonly handlers: Handlers<CompareHostMethods>;
  /** Decisions to measure. */
  readonly count: number;
  /** Pressed in turn. Default: A, then B. */
  readonly keys?: readonly string[];
}

/**
 * Decides `count` pairs by keys in the built panel in a real browser. Returns, for each, the milliseconds from the key's
 * event to the frame that shows the next pair. A pair is decided when it is on the screen and the one before it saved,
 * as fast as that goes.
 */
export async function measurePaint({ browser, handlers, count, keys = ['a', 'b'] }: PaintOptions): Promise<number[]> {
  const panel = await openPanel<CompareHostMethods, ComparePageMethods>({ browser, name: 'compare', handlers });
  try {
    await panel.page.waitForSelector('main[data-painted]');
    await panel.page.evaluate(watch);
    const times: number[] = [];
    for (let at = 0; at < count; at++) {
      const painted = panel.page.evaluate<number>('window.nextPaint()');
      await panel.page.keyboard.press(keys[at % keys.length]);
      times.push(await painted);
      await panel.page.waitForSelector('.strip-words[data-state=saved]');
    }
    return times;
  } finally {
    await panel.close();
  }
}

/** In the page: when a key went down, and the panel's own mark of the first frame with another pair. */
const watch = `{
  let pressed = 0;
  window.addEventListener('keydown', (event) => { pressed = event.timeStamp; }, { capture: true });
  window.nextPaint = () => new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const mark = list.getEntriesByName('palate:painted')[0];
      if (!mark) return;
      observer.disconnect();
      resolve(mark.startTime - pressed);
    });
    observer.observe({ entryTypes: ['mark'] });
  });
}`;
