import type { Comparison, Response } from '../../server/protocol/types.ts';
import { button, element, fill } from '../common/elements.ts';
import { type LongText, longText } from '../common/text/longText.ts';
import type { CompareAction, CompareKeys } from '../protocol/compare.ts';
import { type Difference, differenceText, findDifference } from './difference.ts';
import { linkScrolling } from './linkedScrolling.ts';
import type { PairView, Preferences } from './pairView.ts';
import { promptView } from './prompt.ts';

type Look = 'markdown' | 'raw' | 'difference';

/** Characters an arrow key scrolls by, in pixels. */
const line = 60;

/** Everything of a response that is text. */
export const textOf = ({ parts }: Response) =>
  parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n');

/** Two texts side by side: rendered, as they are, or with their differences marked. */
export class TextPair implements PairView {
  readonly comparison: Comparison;
  readonly root: HTMLElement;
  readonly tools: HTMLElement;
  readonly #preferences: Preferences;
  readonly #changed: () => void;
  readonly #prompt;
  readonly #texts: readonly [string, string];
  readonly #panes: readonly [HTMLElement, HTMLElement];
  readonly #made = new Map<Look, readonly [LongText, LongText]>();
  readonly #stop = new AbortController();
  readonly #note = element('p', { class: 'note' });
  #difference: Promise<Difference | undefined> | undefined;
  #held = false;

  constructor(comparison: Comparison, preferences: Preferences, keys: CompareKeys, changed: () => void) {
    this.comparison = comparison;
    this.#preferences = preferences;
    this.#changed = changed;
    this.#texts = [textOf(comparison.shown[0]), textOf(comparison.shown[1])];
    this.#prompt = promptView(comparison.prompt, preferences.raw ? 'raw' : 'markdown');
    this.#panes = [pane('A'), pane('B')];
    linkScrolling(this.#panes, () => preferences.linked, this.#stop.signal);
    this.#note.hidden = true;
    this.tools = element(
      'div',
      { class: 'tools', attributes: { role: 'group', 'aria-label': 'How texts are shown' } },
      this.#switch('Difference', 'difference', keys),
      this.#switch('Raw', 'raw', keys),
      this.#switch('Linked scrolling', 'link', keys),
    );
    this.root = element(
      'div',
      { class: 'pair' },
      this.#prompt.root,
      this.#note,
      element('div', { class: 'answers' }, ...this.#panes.map((inner, at) => answer(comparison.shown[at], inner, at))),
    );
    this.#show();
  }

  refresh(): void {
    this.#show();
  }

  seen(): boolean {
    return true;
  }

  act(action: CompareAction): boolean {
    if (action === 'difference') this.#preferences.difference = !this.#preferences.difference;
    else if (action === 'raw') this.#preferences.raw = !this.#preferences.raw;
    else if (action === 'link') this.#preferences.linked = !this.#preferences.linked;
    else return false;
    this.#show();
    this.#changed();
    return true;
  }

  hold(on: boolean): void {
    if (this.#held === on) return;
    this.#held = on;
    this.#show();
  }

  move(_x: number, y: number): boolean {
    // In a narrow window the panes are as long as their texts, and the page scrolls.
    if (y === 0 || this.#panes.every((inner) => inner.scrollHeight <= inner.clientHeight)) return false;
    // Unlinked panes are scrolled together all the same: no other keys are left for it.
    for (const inner of this.#panes) inner.scrollBy({ top: y * line });
    return true;
  }

  dispose(): void {
    this.#stop.abort();
    this.#prompt.dispose();
    for (const made of this.#made.values()) for (const text of made) text.dispose();
  }

  #switch(label: string, action: 'difference' | 'raw' | 'link', keys: CompareKeys): HTMLButtonElement {
    const made = button(label, () => this.act(action), { look: 'quiet', key: keys[action], pressed: false });
    made.dataset.action = action;
    return made;
  }

  #show(): void {
    const { raw, difference, linked } = this.#preferences;
    const plain = raw ? 'raw' : 'markdown';
    this.#prompt.show(plain);
    const pressed = { difference: difference || this.#held, raw, link: linked };
    for (const made of this.tools.querySelectorAll<HTMLElement>('[data-action]')) {
      made.setAttribute('aria-pressed', String(pressed[made.dataset.action as keyof typeof pressed]));
    }
    this.#note.hidden = true;
    if (pressed.difference) void this.#showDifference(plain);
    else this.#put(plain);
  }

  #put(look: Look): void {
    let made = this.#made.get(look);
    if (!made && look !== 'difference') {
      made = [longText(this.#texts[0], look), longText(this.#texts[1], look)];
      this.#made.set(look, made);
    }
    this.#panes.forEach((inner, side) => {
      fill(inner, made![side].root);
    });
  }

  async #showDifference(meanwhile: Look): Promise<void> {
    if (!this.#made.has('difference')) {
      this.#put(meanwhile);
      this.#difference ??= findDifference(...this.#texts, this.#stop.signal);
      const found = await this.#difference;
      if (!found) return;
      if (!this.#made.has('difference')) {
        this.#made.set('difference', [differenceText(found.a, 'del'), differenceText(found.b, 'ins')]);
      }
    }
    if (!this.#held && !this.#preferences.difference) return;
    this.#put('difference');
    const found = await this.#difference;
    const same = this.#texts[0] === this.#texts[1];
    this.#note.hidden = !same && (found?.complete ?? true);
    fill(
      this.#note,
      same ? 'Both texts are the same.' : 'Too much differs to mark every word: whole stretches are marked.',
    );
  }
}

/** What scrolls. The keyboard reaches it. */
function pane(letter: string): HTMLElement {
  return element('div', {
    class: 'pane',
    attributes: { role: 'region', 'aria-label': `Response ${letter}` },
    set: { tabIndex: 0 },
  });
}

export function answer(response: Response, inner: HTMLElement, side: number): HTMLElement {
  const letter = side === 0 ? 'A' : 'B';
  return element(
    'section',
    { class: `answer side-${letter.toLowerCase()}` },
    element(
      'h2',
      { class: 'answer-head' },
      element('span', { class: 'letter' }, letter),
      response.finished === false && element('span', { class: 'cut' }, 'cut at its limit'),
    ),
    inner,
  );
}
