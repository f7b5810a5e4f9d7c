import { button, type Child, element } from '../elements.ts';
import { inSlices, painted } from '../slices.ts';
import { partAt } from './cut.ts';
import { visibleNodes } from './invisible.ts';
import { renderMarkdown } from './markdown.ts';

export interface LongText {
  readonly root: HTMLElement;
  /** Stops what is still being rendered. */
  dispose(): void;
}

/** Renders the part that begins at `from` and is about `size` characters long; `end`: where the next one begins. */
export type PartRenderer = (
  from: number,
  size: number,
  /** Aborted when the text is not shown any more. */
  signal: AbortSignal,
) => { readonly content: readonly Child[]; readonly end: number };

/** Rendered before anything is shown: a screen or two. */
const firstPart = 5000;
const laterPart = 6000;
/** Rendered without being asked for. */
const unfolded = 40_000;

/** A text of any length, rendered or as it is. */
export function longText(text: string, look: 'markdown' | 'raw'): LongText {
  if (text === '') {
    const nothing = element('p', { class: 'nothing' }, 'Empty');
    return { root: element('div', { class: 'text' }, nothing), dispose() {} };
  }
  let fence = '';
  return inParts(look, text.length, (from, size, signal) => {
    const part = partAt(text, from, size, look === 'markdown' ? fence : '');
    fence = part.fence;
    return {
      content: look === 'markdown' ? [renderMarkdown(part.text, signal)] : visibleNodes(text.slice(from, part.end)),
      end: part.end,
    };
  });
}

/**
 * The first part is there at once, the rest follows in slices up to a limit, and everything on request. Parts off the
 * screen cost no layout, so that 5 MB freeze nothing.
 */
export function inParts(look: 'markdown' | 'raw', length: number, render: PartRenderer): LongText {
  const root = element('div', { class: `text ${look}`, attributes: { dir: 'auto' } });
  const stop = new AbortController();
  let at = 0;

  const addPart = (size: number) => {
    const { content, end } = render(at, size, stop.signal);
    const whole = at === 0 && end >= length;
    root.append(element('div', { class: whole ? 'part whole' : 'part' }, ...content));
    at = end;
  };
  function* upTo(limit: number) {
    while (at < limit) yield addPart(laterPart);
  }
  const rest = async () => {
    await painted();
    if (stop.signal.aborted) return;
    await inSlices(upTo(Math.min(unfolded, length)), stop.signal);
    if (at >= length || stop.signal.aborted) return;
    const all = button('Show all', () => {
      all.remove();
      root.setAttribute('aria-busy', 'true');
      void inSlices(upTo(length), stop.signal).then(() => root.removeAttribute('aria-busy'));
    });
    root.append(all);
  };

  addPart(firstPart);
  if (at < length) void rest();
  return { root, dispose: () => stop.abort() };
}
