import { button, element } from '../common/elements.ts';
import { visibleNodes } from '../common/text/invisible.ts';
import { longText } from '../common/text/longText.ts';

const folded = 600;
const foldedLines = 12;

/** A text from a model or a data set: never markup, its beginning at first, all of it on request. */
export function foldedText(given: string): HTMLElement {
  // Prompt and answer are joined as they are, so an answer mostly begins with a space; it would indent the first line.
  const text = given.replace(/^ (?=\S)/, '');
  const root = element('div', { class: 'folded' });
  const start = beginningOf(text);
  if (start.length === text.length) {
    root.append(text === '' ? element('p', { class: 'nothing' }, 'Empty') : plain(text));
    return root;
  }
  const more = button(`Show all ${text.length.toLocaleString('en')} characters`, () => toggle(), {
    look: 'quiet',
    pressed: false,
  });
  const toggle = () => {
    const open = more.getAttribute('aria-pressed') !== 'true';
    more.setAttribute('aria-pressed', String(open));
    more.firstElementChild!.textContent = open
      ? 'Show less'
      : `Show all ${text.length.toLocaleString('en')} characters`;
    root.firstElementChild!.replaceWith(open ? longText(text, 'raw').root : plain(`${start}…`));
  };
  root.append(plain(`${start}…`), more);
  return root;
}

const plain = (text: string) =>
  element(
    'div',
    { class: 'text raw', attributes: { dir: 'auto' } },
    element('div', { class: 'part whole' }, ...visibleNodes(text)),
  );

/** Cut at a limit of characters and of lines, not in the middle of a character. */
function beginningOf(text: string): string {
  if (text.length <= folded * 1.2 && text.split('\n', foldedLines + 3).length <= foldedLines + 2) return text;
  const lines = text.slice(0, folded).split('\n').slice(0, foldedLines).join('\n');
  return /[\ud800-\udbff]$/.test(lines) ? lines.slice(0, -1) : lines;
}
