import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { type Draws, drawsFor } from '../../server/demo/draws.ts';
import { capital, promptForms, ReviewWriter, type Subject, subjects } from '../../server/demo/reviews.ts';
import { diary, letter, question, story, weather } from './forms.ts';

/** A row that `readCompletionRows` reads: plain, or the same as a conversation of two turns. */
export type CorpusRow =
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[] };

/** What is asked and what is answered, before it is laid out as a row. */
export interface Exchange {
  readonly prompt: string;
  readonly response: string;
}

/** How often each form of text comes, and what writes it. */
const forms: Readonly<Record<string, { readonly weight: number; readonly write: (draws: Draws) => Exchange }>> = {
  review: { weight: 40, write: ratedReview },
  rating: { weight: 10, write: ratingQuestion },
  diary: { weight: 13, write: diary },
  weather: { weight: 9, write: weather },
  story: { weight: 13, write: story },
  letter: { weight: 8, write: letter },
  question: { weight: 7, write: question },
};
const weights = Object.fromEntries(Object.entries(forms).map(([name, { weight }]) => [name, weight]));

/** One row in four is a conversation, so that the model knows its chat template. */
const chatShare = 1 / 4;

/**
 * Row `index` of the text that the embedded model is trained on: reviews with ratings, diaries, weather, stories, letters
 * and questions. A pure function of its arguments. Nothing in it is about a subject whose prompts the demo holds out, and
 * no review has the demo's own style (two sentences, no rating).
 */
export function corpusRow(index: number, seed: number): CorpusRow {
  const draws = drawsFor(seed, 'corpus', index);
  const chat = draws.chance(chatShare);
  const { prompt, response } = forms[draws.pickWeighted(weights)].write(draws);
  if (!chat) return { prompt, completion: ` ${response}` };
  return {
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content: response },
    ],
  };
}

/** Writes rows 0 to count - 1 of the seed's corpus as JSON lines; the folder is made where it is missing. */
export async function writeCorpus(file: string, count: number, seed: number): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const stream = createWriteStream(file);
  const done = finished(stream);
  for (let index = 0; index < count; index++) {
    // Waiting for 'drain' keeps a corpus of millions of rows out of memory.
    if (!stream.write(`${JSON.stringify(corpusRow(index, seed))}\n`)) {
      await Promise.race([done, new Promise<void>((resolve) => stream.once('drain', () => resolve()))]);
    }
  }
  stream.end();
  await done;
}

const numbers = ['one', 'two', 'three', 'four', 'five'] as const;

/** Stars from the writer's praise minus blame: three for none, one more or less for each, within one to five. */
function stars(balance: number): number {
  return Math.min(5, Math.max(1, 3 + balance));
}

/** One or three sentences, with a rating before or after them. */
function ratedReview(draws: Draws): Exchange {
  const subject = draws.pick(subjects.train);
  const { text, balance } = reviewText(subject, draws, draws.pick([1, 1, 3]));
  const count = stars(balance);
  const word = numbers[count - 1];
  const verdict = draws.pick([
    `Stars: ${word}.`,
    `Stars: ${word}.`,
    `${capital(word)} ${count === 1 ? 'star' : 'stars'}.`,
    balance > 0 ? 'I will go again.' : balance < 0 ? 'I will not go again.' : 'Perhaps I will go again.',
  ]);
  const response = draws.chance(0.25) ? `${verdict} ${text}` : `${text} ${verdict}`;
  return { prompt: draws.pick(promptForms)(subject.name), response };
}

/** A review as the question, its rating as the answer. */
function ratingQuestion(draws: Draws): Exchange {
  const { text, balance } = reviewText(draws.pick(subjects.train), draws, draws.pick([1, 2, 2, 3]));
  if (draws.chance(0.5))
    return { prompt: `${text} How many stars?`, response: `${capital(numbers[stars(balance) - 1])}.` };
  return { prompt: `${text} Will you go again?`, response: balance > 0 ? 'Yes.' : balance < 0 ? 'No.' : 'Perhaps.' };
}

function reviewText(subject: Subject, draws: Draws, sentences: number): { text: string; balance: number } {
  const writer = new ReviewWriter(subject.place, draws);
  if (sentences === 1)
    return { text: draws.chance(0.5) ? writer.opening() : writer.closing(), balance: writer.balance };
  const parts = [writer.opening()];
  for (let sentence = 1; sentence < sentences; sentence++) parts.push(writer.closing());
  return { text: parts.join(' '), balance: writer.balance };
}
