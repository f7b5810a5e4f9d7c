import type { ChatMessage, Prompt } from '../../server/protocol/types.ts';
import { element } from '../common/elements.ts';
import { visibleText } from '../common/text/invisible.ts';
import { type LongText, longText } from '../common/text/longText.ts';

export interface PromptView {
  readonly root: HTMLElement;
  show(look: 'markdown' | 'raw'): void;
  dispose(): void;
}

/** What was asked: of a conversation the last turn, with those before it folded away. */
export function promptView({ content }: Prompt, look: 'markdown' | 'raw'): PromptView {
  const turns: readonly ChatMessage[] = typeof content === 'string' ? [{ role: 'prompt', content }] : content;
  const earlier = turns.slice(0, -1);
  const texts: LongText[] = [];
  const places: { readonly place: HTMLElement; readonly text: string }[] = [];
  let current = look;

  const render = (place: HTMLElement, text: string) => {
    const made = longText(text, current);
    texts.push(made);
    place.replaceChildren(made.root);
  };
  const turn = ({ role, content: text }: ChatMessage, named: boolean, now: boolean) => {
    const place = element('div', { class: 'turn-text' });
    places.push({ place, text });
    if (now) render(place, text);
    return element('div', { class: 'turn' }, named && element('div', { class: 'role' }, visibleText(role)), place);
  };

  const last = turns.at(-1);
  const folded = element('details', { class: 'earlier' });
  if (earlier.length > 0) {
    const count = earlier.length === 1 ? '1 earlier turn' : `${earlier.length} earlier turns`;
    folded.append(element('summary', {}, count));
    // A long conversation is rendered when it is opened: the next pair must not wait for it.
    folded.addEventListener('toggle', () => {
      if (folded.open && folded.childElementCount === 1) folded.append(...earlier.map((one) => turn(one, true, true)));
    });
  }
  const root = element(
    'section',
    { class: 'prompt', attributes: { 'aria-label': 'Prompt' }, set: { tabIndex: 0 } },
    earlier.length > 0 && folded,
    last ? turn(last, typeof content !== 'string', true) : element('p', { class: 'nothing' }, 'No prompt'),
  );
  const stop = () => {
    for (const text of texts.splice(0)) text.dispose();
  };
  return {
    root,
    show(next) {
      if (next === current) return;
      current = next;
      stop();
      for (const { place, text } of places) render(place, text);
    },
    dispose: stop,
  };
}
