const words = ['the', 'and', 'a thing', 'it is', 'on the bench', 'no', 'sing', 'ten men', 'rest', 'in an hour'];

/** The text of a JSONL file with preference rows of every kind: plain and conversational, finished and cut, several of one prompt. */
export function preferenceRows(count: number): string {
  const word = (k: number) => words[k % words.length];
  const lines = Array.from({ length: count }, (_, k) => {
    const prompt = `${word(k >> 1)} ${word((k >> 1) + 3)}`;
    const answers = { chosen: `${word(k + 1)} ${word(k + 4)}`, rejected: word(k + 7), chosen_finished: k % 3 !== 0 };
    if (k % 4 < 2) return { prompt, ...answers };
    return {
      ...answers,
      prompt: [{ role: 'user', content: prompt }],
      chosen: [{ role: 'assistant', content: answers.chosen }],
      rejected: [{ role: 'assistant', content: answers.rejected }],
    };
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
