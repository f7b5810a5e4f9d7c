/**
 * distinct-n: the number of different n-grams of words in all responses together, divided by the number of n-grams. 1
 * means that nothing is said twice, near 0 that the same few phrases come again and again. It falls as more text is
 * pooled, so compare only samples of the same size. Words are compared in lower case; a mark of punctuation is a word of
 * its own; no n-gram runs from one response into the next. 0 where no response has n words.
 *
 * Source: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016.
 */
export function distinctN(responses: readonly string[], n: number): number {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`n of distinct-n must be a positive integer, not ${n}.`);
  const seen = new Set<string>();
  let total = 0;
  for (const response of responses) {
    const words = response.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*|[^\s\p{L}\p{N}]/gu) ?? [];
    for (let start = 0; start + n <= words.length; start++) {
      seen.add(words.slice(start, start + n).join(' '));
      total += 1;
    }
  }
  return total === 0 ? 0 : seen.size / total;
}

export function distinct2(responses: readonly string[]): number {
  return distinctN(responses, 2);
}
