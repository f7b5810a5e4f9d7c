import type { ChatMessage, PreferenceRow } from '../protocol/types.ts';
import type { Row } from './batches.ts';
import type { Tokenizer } from './weights/types.ts';

/** A prompt and one response as tokens; the response ends with the end token where it is complete. */
export interface Sequence {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

/** Token ids of a prompt: plain text as it is, a conversation by the model's chat template, opened for the answer. */
export function promptIds(tokenizer: Tokenizer, prompt: string | readonly ChatMessage[]): number[] {
  return typeof prompt === 'string'
    ? tokenizer.encode(prompt)
    : tokenizer.encodeChat(prompt, { generationPrompt: true });
}

/** Token ids of a response; a complete one (`finished`) is closed by the end token. */
export function responseIds(tokenizer: Tokenizer, response: string, finished: boolean): number[] {
  const ids = tokenizer.encode(response);
  return finished ? [...ids, tokenizer.endIds[0]] : ids;
}

/** The chosen and the rejected sequence of a preference row. */
export function preferenceSequences(
  tokenizer: Tokenizer,
  row: PreferenceRow,
): { chosen: Sequence; rejected: Sequence } {
  const prompt = promptIds(tokenizer, row.prompt);
  return {
    chosen: { prompt, response: responseIds(tokenizer, row.chosen, row.chosenFinished) },
    rejected: { prompt, response: responseIds(tokenizer, row.rejected, row.rejectedFinished) },
  };
}

/**
 * The row whose hidden states predict each response token: place t − 1 is read for token t, so the last token need not
 * be run. The same places hold the values: the state before each token.
 */
export function predictionRow({ prompt, response }: Sequence): Row {
  const ids = [...prompt, ...response.slice(0, -1)];
  return { ids, reads: response.map((_, k) => prompt.length - 1 + k) };
}

/** The row that a reward model reads: all of it, at its last token. */
export function rewardRow({ prompt, response }: Sequence): Row {
  const ids = [...prompt, ...response];
  return { ids, reads: [ids.length - 1] };
}
