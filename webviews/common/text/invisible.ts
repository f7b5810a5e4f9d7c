/** Characters that are not seen but change what is seen, or hide something: shown by their code point. */

import { element } from '../elements.ts';

const one =
  // C0 and C1 without tab, line feed and carriage return
  '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f' +
  // soft hyphen, joiners and fillers, Mongolian and Khmer invisibles, zero widths, marks of direction
  '\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f' +
  // line and paragraph separators, overrides, embeddings, isolates, invisible operators
  '\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb' +
  // shorthand and music controls, tags, variation selectors beyond the first sixteen
  '\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}';

/** A flag of a part of a country is written with tags: those are seen. */
const flag = '\\u{1f3f4}[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{1,6}\\u{e007f}';
/** Scripts whose words need joiners, and pictures put together from several. */
const joins =
  '[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f]|' +
  '(?![\\p{Script=Latin}\\p{Script=Greek}\\p{Script=Cyrillic}\\p{Script=Han}\\p{Script=Hangul}])[\\p{L}\\p{M}]';
/** What belongs where it stands, so that it is left alone. */
const fitting = `${flag}|(?<=${joins})[\\u200c\\u200d](?=${joins})|(?<=\\p{Script=Han})[\\u{e0100}-\\u{e01ef}]`;
/** A second variation selector on one character selects nothing: it carries data. */
const carried = '(?<=[\\ufe00-\\ufe0f])[\\ufe00-\\ufe0f]+';

const invisible = new RegExp(`${fitting}|(?<run>${carried}|[${one}\\p{Cs}]+)`, 'gu');
const mayHold = new RegExp(`[${one}\\p{Cs}]|${carried}`, 'u');

/** How many code points of a run are spelt out: a run of a million is one mark. */
const spelt = 4;

const codePoint = (character: string) => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

function nameOf(run: string): string {
  const characters = [...run.slice(0, 2 * spelt)].slice(0, spelt);
  const left = [...run].length - characters.length;
  return `${characters.map(codePoint).join(' ')}${left > 0 ? ` and ${left} more` : ''}`;
}

export const holdsInvisible = (text: string) => mayHold.test(text);

/** For a title, a label or an attribute: marks as ‹U+202E›. */
export function visibleText(text: string): string {
  if (!mayHold.test(text)) return text;
  return text.replace(invisible, (match, ...rest) => (rest.at(-1).run ? `‹${nameOf(match)}›` : match));
}

/** For a place in the page: marks as elements of their own. */
export function visibleNodes(text: string): (string | HTMLElement)[] {
  if (!mayHold.test(text)) return [text];
  const nodes: (string | HTMLElement)[] = [];
  let from = 0;
  for (const match of text.matchAll(invisible)) {
    if (!match.groups?.run) continue;
    if (match.index > from) nodes.push(text.slice(from, match.index));
    nodes.push(element('span', { class: 'invisible' }, nameOf(match[0])));
    from = match.index + match[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

/** Every text below `root`, in place. Formulas are left alone: KaTeX sets them with zero widths of its own. */
export function showInvisible(root: Node): void {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found: Text[] = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (mayHold.test((node as Text).data) && !node.parentElement?.closest('.katex')) found.push(node as Text);
  }
  for (const node of found) node.replaceWith(...visibleNodes(node.data));
}
