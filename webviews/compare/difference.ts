import { diffArrays, diffWordsWithSpace } from 'diff';
import { type Child, element } from '../common/elements.ts';
import { breathe } from '../common/slices.ts';
import { visibleNodes } from '../common/text/invisible.ts';
import { inParts, type LongText } from '../common/text/longText.ts';

/** A stretch of one text, and whether the other text has it in the same place. */
export interface Stretch {
  readonly text: string;
  readonly same: boolean;
}

export interface Difference {
  readonly a: readonly Stretch[];
  readonly b: readonly Stretch[];
  /** False: some stretches are marked as a whole, because finding their words would have taken too long. */
  readonly complete: boolean;
}

/** Milliseconds that one step, and all of them together, may take. */
const step = 30;
const whole = 1500;
/** Longer stretches are not searched word by word. */
const longestByWords = 20_000;
/** Longer ones not even line by line: their ends are compared, and all between them differs. */
const longestByLines = 1_000_000;

/**
 * Which words of two texts differ. Short texts are compared by words; longer ones by lines first, and then by words
 * where lines differ, with a pause between stretches. Undefined when `signal` was aborted meanwhile.
 */
export async function findDifference(a: string, b: string, signal: AbortSignal): Promise<Difference | undefined> {
  const until = performance.now() + whole;
  const sides = { a: [] as Stretch[], b: [] as Stretch[] };
  let complete = true;
  for (const [before, after, same] of stretchesOf(a, b)) {
    if (same) {
      sides.a.push({ text: before, same });
      sides.b.push({ text: after, same });
      continue;
    }
    const words =
      before.length + after.length <= longestByWords && performance.now() < until
        ? diffWordsWithSpace(before, after, { timeout: step })
        : undefined;
    complete &&= words !== undefined;
    for (const { value, added, removed } of words ?? []) {
      if (!added) sides.a.push({ text: value, same: !removed });
      if (!removed) sides.b.push({ text: value, same: !added });
    }
    if (!words) {
      if (before) sides.a.push({ text: before, same: false });
      if (after) sides.b.push({ text: after, same: false });
    }
    await breathe();
    if (signal.aborted) return undefined;
  }
  return { ...sides, complete };
}

/** Stretches that both have, and pairs of stretches that stand for one another. */
function* stretchesOf(a: string, b: string): Iterable<[string, string, boolean]> {
  const [start, end] = sharedEnds(a, b);
  if (start > 0) yield [a.slice(0, start), b.slice(0, start), true];
  yield* linesBetween(a.slice(start, a.length - end), b.slice(start, b.length - end));
  if (end > 0) yield [a.slice(a.length - end), b.slice(b.length - end), true];
}

function* linesBetween(a: string, b: string): Iterable<[string, string, boolean]> {
  if (!a && !b) return;
  const length = a.length + b.length;
  const changes =
    length <= longestByWords / 2 || length > longestByLines
      ? undefined
      : diffArrays(linesOf(a), linesOf(b), { timeout: 2 * step });
  if (!changes) return yield [a, b, false];
  let [removed, added] = ['', ''];
  for (const change of changes) {
    const text = change.value.join('');
    if (change.removed) removed += text;
    else if (change.added) added += text;
    else {
      if (removed || added) yield [removed, added, false];
      [removed, added] = ['', ''];
      yield [text, text, true];
    }
  }
  if (removed || added) yield [removed, added, false];
}

/** How many characters both begin with, and end with, at the edges of words where there are any near. */
function sharedEnds(a: string, b: string): [start: number, end: number] {
  if (a === b) return [a.length, 0];
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && a[start] === b[start]) start++;
  const word = /\s\S{0,60}$/.exec(a.slice(Math.max(0, start - 61), start));
  start -= word ? word[0].length - 1 : isLow(a, start) || isLow(b, start) ? 1 : 0;
  let end = 0;
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const rest = /^\S{0,60}\s/.exec(a.slice(a.length - end, a.length - end + 61));
  end -= rest ? rest[0].length - 1 : isLow(a, a.length - end) ? 1 : 0;
  return [Math.max(0, start), Math.max(0, end)];
}

/** The second half of a character that takes two places. */
const isLow = (text: string, at: number) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

/** Lines and sentences with their ends: what is put into one of them moves none of the others. */
const linesOf = (text: string) => text.match(/[^\n.;!?]{1,400}[\n.;!?]*|[\n.;!?]+/g) ?? [];

/** One side of a difference, as it is written, in parts. */
export function differenceText(stretches: readonly Stretch[], mark: 'del' | 'ins'): LongText {
  const length = stretches.reduce((sum, { text }) => sum + text.length, 0);
  let [index, offset] = [0, 0];
  return inParts('raw', length, (from, size) => {
    const content: Child[] = [];
    let end = from;
    while (index < stretches.length && end - from < size) {
      const { text, same } = stretches[index];
      const piece = text.slice(offset, offset + size);
      content.push(...(same ? visibleNodes(piece) : [element(mark, {}, ...visibleNodes(piece))]));
      end += piece.length;
      offset += piece.length;
      if (offset >= text.length) [index, offset] = [index + 1, 0];
    }
    return { content, end: index < stretches.length ? end : length };
  });
}
