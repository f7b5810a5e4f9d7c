import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { pairsOf } from '../../../server/feedback/pairing.ts';
import { logFileOf } from '../../../server/store/annotatorName.ts';
import { promptIdOf, responseIdOf } from '../../../server/store/contentIds.ts';
import type { FeedbackLine } from '../../../server/store/feedbackEvents.ts';

export interface LabelledProject {
  /** Lines below feedback/: decisions, and among each hundred of them a skip, a comment, an undo and a redo. */
  readonly decisions: number;
  /** Who share them; default 2. */
  readonly annotators?: readonly string[];
  /** Responses to each prompt; default 4, so 6 pairs. */
  readonly responses?: number;
}

/**
 * Makes a project whose annotators have decided so much already, and as many pairs again as a tenth of that are open.
 * The same arguments give the same files, but for the ids of events.
 */
export async function makeLabelledProject(folder: string, options: LabelledProject): Promise<void> {
  const { decisions, annotators = ['ann', 'ben'], responses = 4 } = options;
  const pairs = [...pairsOf(responses)];
  const each = Math.ceil(decisions / annotators.length);
  const prompts = Math.ceil((1.1 * each) / pairs.length);
  for (const name of ['prompts', 'responses', 'feedback']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'palate.json'), '{ "version": 1 }\n');
  const ids: string[][] = [];
  await writeLines(join(folder, 'prompts', 'prompts.jsonl'), prompts, (k) => JSON.stringify({ prompt: promptText(k) }));
  await writeLines(join(folder, 'responses', 'generated.jsonl'), prompts, (k) => {
    const prompt = promptText(k);
    const promptId = promptIdOf(prompt);
    const texts = Array.from({ length: responses }, (_, n) => responseText(k, n));
    ids.push(texts.map((text) => responseIdOf(promptId, [{ type: 'text', text }])));
    return texts.map((completion, n) => JSON.stringify({ prompt, completion, model: `model-${n % 2}` })).join('\n');
  });
  for (const annotator of annotators) {
    await writeLines(join(folder, 'feedback', logFileOf(annotator)), each, (k) => {
      const row = Math.floor(k / pairs.length) % prompts;
      const [i, j] = pairs[k % pairs.length];
      return JSON.stringify(line(annotator, k, promptIdOf(promptText(row)), [ids[row][i], ids[row][j]]));
    });
  }
}

const promptText = (k: number): string => `Question ${k}: how should a small tool tell its user that something failed?`;

const responseText = (k: number, n: number): string =>
  `Answer ${n} to question ${k}. ${'Say what was found, where it was found, and what can be done about it. '.repeat(1 + ((k + n) % 4))}`;

function line(annotator: string, k: number, prompt: string, pair: readonly [string, string]): FeedbackLine {
  const [first, second] = pair[0] < pair[1] ? pair : [pair[1], pair[0]];
  const common = {
    v: 1,
    id: eventId(annotator, k),
    at: new Date(Date.UTC(2026, 0) + k * 4000).toISOString(),
    annotator,
    app: '0.1.0',
  };
  // Undone and given back at once: the number of decisions stays what it was.
  if (k % 100 === 98) return { ...common, event: 'undo', of: eventId(annotator, k - 1) };
  if (k % 100 === 99) return { ...common, event: 'redo', of: eventId(annotator, k - 2) };
  const asked = {
    prompt,
    responses: [first, second] as const,
    shown: k % 2 === 0 ? ([first, second] as const) : ([second, first] as const),
    ms: 1500 + ((k * 7919) % 6000),
  };
  if (k % 100 === 50) return { ...common, event: 'skip', ...asked, reason: 'cannot judge' };
  const tie = k % 10 === 9;
  const choice = tie ? (['tie', 'bothGood', 'bothBad'] as const)[k % 3] : k % 3 === 0 ? second : first;
  const strength = tie ? {} : { strength: 1 + (k % 2) };
  const comment = k % 100 === 7 ? 'The other one leaves the reader alone with it.' : '';
  return { ...common, event: 'decide', ...asked, choice, ...strength, scale: 4, aspects: {}, comment };
}

function eventId(annotator: string, k: number): string {
  const hex = createHash('sha256').update(`${annotator} ${k}`).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

async function writeLines(path: string, count: number, text: (k: number) => string): Promise<void> {
  const file = createWriteStream(path);
  let block: string[] = [];
  for (let k = 0; k < count; k++) {
    block.push(text(k), '\n');
    if (block.length < 2000) continue;
    const room = file.write(block.join(''));
    block = [];
    if (!room) await once(file, 'drain');
  }
  file.end(block.join(''));
  await finished(file);
}
