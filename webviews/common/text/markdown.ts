import hljs from 'highlight.js/lib/common';
import createMarkdown, { type Token } from 'markdown-it';
import { inSlices, painted } from '../slices.ts';
import { type Formula, formulaRules, formulaSource, renderFormula } from './formulas.ts';
import { showInvisible, visibleText } from './invisible.ts';
import { sanitiseProse } from './sanitise.ts';

/** Highlighting more than this of one block takes longer than a glance. */
const longestHighlighted = 12_000;

const markdown = createMarkdown({ html: false, linkify: false, typographer: false, breaks: true, maxNesting: 20 });
/** Of the text that is being rendered: markdown-it's rules have no other place for it. */
let formulas: Formula[] = [];

formulaRules(markdown, (formula) => formulas.push(formula) - 1);
const { escapeHtml } = markdown.utils;

markdown.renderer.rules.fence = (tokens, at) => codeBlock(tokens[at].content, tokens[at].info);
markdown.renderer.rules.code_block = (tokens, at) => codeBlock(tokens[at].content, '');

// The page has headings of its own above these.
markdown.renderer.rules.heading_open = (tokens, at) => `<${lowered(tokens[at].tag)}>`;
markdown.renderer.rules.heading_close = (tokens, at) => `</${lowered(tokens[at].tag)}>`;

// Cells say their side by a class: a style attribute is not let through.
for (const cell of ['th', 'td']) {
  markdown.renderer.rules[`${cell}_open`] = (tokens, at) => {
    const side = /text-align:(left|right|center)/.exec(String(tokens[at].attrGet('style') ?? ''))?.[1];
    return side ? `<${cell} class="align-${side}">` : `<${cell}>`;
  };
}

// A link goes nowhere: its address stands behind it, and a click copies it.
markdown.renderer.rules.link_open = () => '<span class="link">';
markdown.renderer.rules.link_close = (tokens, at) => {
  const opening = openingOf(tokens, at);
  const address = decoded(String(opening?.attrGet('href') ?? ''));
  return `</span> <button type="button" class="address" data-address="${escapeHtml(address)}">${escapeHtml(visibleText(address))}</button>`;
};
// A picture of someone's server is not loaded: it would tell that server who reads this, and when.
markdown.renderer.rules.image = (tokens, at) => {
  const address = escapeHtml(visibleText(decoded(String(tokens[at].attrGet('src') ?? ''))));
  const name = escapeHtml(tokens[at].content.trim());
  return `<span class="unloaded">Picture not loaded${name ? `: ${name}` : ''} (${address})</span>`;
};

const lowered = (tag: string) => `h${Math.min(6, Number(tag.slice(1)) + 2)}`;

function openingOf(tokens: readonly Token[], closing: number) {
  let depth = 0;
  for (let at = closing; at >= 0; at--) {
    if (tokens[at].type === 'link_close') depth++;
    else if (tokens[at].type === 'link_open' && --depth === 0) return tokens[at];
  }
  return undefined;
}

function decoded(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address;
  }
}

function codeBlock(source: string, info: string): string {
  const language = info.trim().split(/\s+/)[0].toLowerCase();
  const known = language && language.length < 40 && source.length <= longestHighlighted && hljs.getLanguage(language);
  const code = known ? hljs.highlight(source, { language, ignoreIllegals: true }).value : escapeHtml(source);
  const label = language ? `<span class="language">${escapeHtml(language.slice(0, 40))}</span>` : '';
  return `<pre>${label}<code>${code}</code></pre>`;
}

/** Milliseconds of formulas that are set before the text is shown; the rest follows while it is read. */
const formulasAtOnce = 10;
/** More than these in one part of a text are no mathematics. */
const mostFormulas = 400;

/** Markdown as sanitised elements: nothing in them loads, runs or leads anywhere. Aborted, formulas stay their source. */
export function renderMarkdown(text: string, signal: AbortSignal): DocumentFragment {
  formulas = [];
  let markup: string;
  try {
    markup = markdown.render(text);
  } catch {
    // A text that our renderer can't take is still a text.
    markup = `<pre><code>${escapeHtml(text)}</code></pre>`;
  }
  const found = formulas;
  const fragment = document.adoptNode(sanitiseProse(markup));
  for (const scrolling of fragment.querySelectorAll('pre')) scrolling.tabIndex = 0;
  showInvisible(fragment);
  const places = [...fragment.querySelectorAll<HTMLElement>('[data-formula]')].flatMap((place) => {
    const formula = found[Number(place.dataset.formula)];
    return formula ? [{ place, formula }] : [];
  });
  const until = performance.now() + formulasAtOnce;
  while (places.length > 0 && performance.now() < until) setFormula(places.shift()!);
  if (places.length > 0) {
    for (const { place, formula } of places) place.replaceChildren(formulaSource(formula.source));
    void painted().then(() => inSlices(set(places.slice(0, mostFormulas)), signal));
  }
  return fragment;
}

interface Place {
  readonly place: HTMLElement;
  readonly formula: Formula;
}

const setFormula = ({ place, formula }: Place) => place.replaceChildren(renderFormula(formula));

function* set(places: readonly Place[]): Iterable<void> {
  for (const one of places) yield setFormula(one);
}
