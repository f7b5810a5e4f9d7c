import katex from 'katex';
import type { MarkdownIt } from 'markdown-it';
import { element } from '../elements.ts';
import { holdsInvisible, visibleNodes } from './invisible.ts';
import { sanitiseMath } from './sanitise.ts';

export interface Formula {
  readonly source: string;
  readonly block: boolean;
}

/** What would take long, nest deep, or define something: shown as its source. */
const longest = 2000;
const deepest = 40;
const deepestTree = 160;
const definitions =
  /\\(e|g|x)?def\b|\\(re|provide)?newcommand|\\providecommand|\\renewcommand|\\(future)?let\b|\\global|\\long\b/;

/** `$…$`, `$$…$$`, `\(…\)`, `\[…\]`. A rule of markdown-it leaves a placeholder; the formulas are put in by `put`. */
export function formulaRules(markdown: MarkdownIt, found: (formula: Formula) => number): void {
  markdown.inline.ruler.before('escape', 'formula', (state, silent) => {
    const match = inlineFormula(state.src, state.pos, state.posMax);
    if (!match) return false;
    if (!silent) {
      const token = state.push('formula', 'span', 0);
      token.content = match.source;
      token.meta = { block: match.block };
    }
    state.pos = match.end;
    return true;
  });
  markdown.block.ruler.before(
    'fence',
    'formula_block',
    (state, startLine, endLine, silent) => {
      const start = state.bMarks[startLine] + state.tShift[startLine];
      const opener = state.src.slice(start, start + 2);
      const closer = opener === '$$' ? '$$' : opener === '\\[' ? '\\]' : '';
      if (!closer || state.sCount[startLine] - state.blkIndent >= 4) return false;
      let line = startLine;
      let from = start + 2;
      for (; line < endLine; line++) {
        const end = state.eMarks[line];
        if (line > startLine && (state.isEmpty(line) || state.sCount[line] < state.blkIndent)) return false;
        const closing = state.src.slice(from, end).trimEnd();
        if (closing.endsWith(closer) && (line > startLine || closing.length > 0)) break;
        from = line + 1 < endLine ? state.bMarks[line + 1] + state.tShift[line + 1] : end;
      }
      if (line >= endLine) return false;
      if (silent) return true;
      const whole = state.getLines(startLine, line + 1, state.blkIndent, false).trim();
      const token = state.push('formula', 'p', 0);
      token.content = whole.slice(2, whole.length - 2).trim();
      token.meta = { block: true };
      token.block = true;
      state.line = line + 1;
      return true;
    },
    { alt: ['paragraph', 'reference', 'blockquote', 'list'] },
  );
  markdown.renderer.rules.formula = (tokens, at) => {
    const block = (tokens[at].meta as { block: boolean }).block;
    const index = found({ source: tokens[at].content, block });
    // A place that scrolls costs layout: only what may be wider than its pane gets one.
    const wide = tokens[at].content.length > 40 ? ' wide' : '';
    return `<span class="${block ? 'formula-block' : 'formula'}${wide}" data-formula="${index}"></span>`;
  };
}

/** Dollars as in money are no formula: no space inside, no digit behind the closing one. */
function inlineFormula(text: string, at: number, end: number) {
  const backslash = text[at] === '\\' && (text[at + 1] === '(' || text[at + 1] === '[');
  if (!backslash && text[at] !== '$') return undefined;
  const double = backslash ? text[at + 1] === '[' : text[at + 1] === '$';
  const opener = backslash || double ? 2 : 1;
  const closer = backslash ? (double ? '\\]' : '\\)') : double ? '$$' : '$';
  const from = at + opener;
  // Looking for the end further than a formula may be long would take squared time in a text of openers.
  const limit = Math.min(end, from + longest + closer.length);
  const window = text.slice(from, limit);
  let close = window.indexOf(closer);
  while (close > 0 && !backslash && window[close - 1] === '\\') close = window.indexOf(closer, close + 1);
  if (close <= 0) return undefined;
  const source = window.slice(0, close);
  const after = text[from + close + closer.length] ?? '';
  if (closer === '$' && (/^\s|\s$|\n\s*\n/.test(source) || /\d/.test(after))) return undefined;
  return { source: source.trim(), block: double, end: from + close + closer.length };
}

/** Formulas set lately: answers repeat theirs, and one takes a millisecond. */
const lately = new Map<string, Node>();
const mostLately = 300;

/** The formula, or its source where it can't be, or may not be, set. */
export function renderFormula(formula: Formula): Node {
  const name = `${formula.block} ${formula.source}`;
  const known = lately.get(name) ?? setFormula(formula);
  lately.delete(name);
  lately.set(name, known);
  for (const oldest of lately.keys()) {
    if (lately.size <= mostLately) break;
    lately.delete(oldest);
  }
  return known.cloneNode(true);
}

function setFormula({ source, block }: Formula): Node {
  const plain = source !== '' && source.length <= longest && !definitions.test(source) && !holdsInvisible(source);
  if (!plain || nestingOf(source) > deepest) return formulaSource(source);
  try {
    const markup = katex.renderToString(source, {
      displayMode: block,
      output: 'htmlAndMathml',
      throwOnError: true,
      trust: false,
      strict: 'ignore',
      maxSize: 20,
      maxExpand: 300,
    });
    const tree = sanitiseMath(markup);
    return deeperThan(tree, deepestTree) ? formulaSource(source) : tree;
  } catch {
    return formulaSource(source);
  }
}

/** Set as code: what can't be a formula, and what is not one yet. */
export const formulaSource = (source: string) => element('code', { class: 'formula-source' }, ...visibleNodes(source));

function nestingOf(source: string): number {
  let depth = 0;
  let most = 0;
  for (const [word] of source.matchAll(/\\left|\\right|\\begin|\\end|\\[a-zA-Z]+|\\.|[{}]/gs)) {
    if (word === '{' || word === '\\left' || word === '\\begin') most = Math.max(most, ++depth);
    else if (word === '}' || word === '\\right' || word === '\\end') depth--;
  }
  return most;
}

function deeperThan(root: Node, limit: number): boolean {
  let depth = 0;
  for (let node: Node | null = root.firstChild; node && node !== root; ) {
    if (node.firstChild) {
      if (++depth > limit) return true;
      node = node.firstChild;
      continue;
    }
    while (node && node !== root && !node.nextSibling) {
      node = node.parentNode;
      depth--;
    }
    node = node === root ? null : (node?.nextSibling ?? null);
  }
  return false;
}
