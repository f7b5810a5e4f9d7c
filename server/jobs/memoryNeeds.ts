import { estimateMemory, type MemoryUse } from '../engine/memory/estimate.ts';
import { type MemorySettings, memoryQuestion } from '../engine/memory/question.ts';
import type { ChatMessage, EngineName, MemoryNeed, PreferenceRow } from '../protocol/types.ts';
import { modelDescription } from './modelDescription.ts';

export const memoryUses: readonly MemoryUse[] = ['sft', 'reward', 'ppo', 'generate', 'score'];

/** Tokenizers make a token of about this many characters of English; of code and other languages, of fewer. */
const charactersPerToken = 3.5;
/** What a chat template writes around a message. */
const templateTokens = 12;
/** Where nothing is labelled yet. */
const assumed = { longestPrompt: 32, longestRow: 128 };

/**
 * What each use of the model at an absolute path is reckoned to take with these settings and rows. Reads the model's
 * headers alone.
 *
 * @throws UserError where it is no model
 */
export async function memoryNeeds(
  model: string,
  settings: MemorySettings & { readonly engine: EngineName },
  rows: readonly PreferenceRow[],
): Promise<MemoryNeed[]> {
  const { config } = await modelDescription(model);
  const basis = { config, engine: settings.engine, ...longestOf(rows) };
  return memoryUses.map((use) => {
    const { total, parts } = estimateMemory(memoryQuestion(use, settings, basis));
    return { use, bytes: total, parts: { ...parts } };
  });
}

/** In tokens, told by their characters. */
export function longestOf(rows: readonly PreferenceRow[]): typeof assumed {
  if (rows.length === 0) return assumed;
  let [longestPrompt, longestRow] = [1, 1];
  for (const { prompt, chosen, rejected } of rows) {
    const asked = tokensOf(prompt);
    longestPrompt = Math.max(longestPrompt, asked);
    longestRow = Math.max(longestRow, asked + Math.ceil(Math.max(chosen.length, rejected.length) / charactersPerToken));
  }
  return { longestPrompt, longestRow };
}

function tokensOf(prompt: string | readonly ChatMessage[]): number {
  if (typeof prompt === 'string') return Math.ceil(prompt.length / charactersPerToken);
  return prompt.reduce((sum, { content }) => sum + templateTokens + Math.ceil(content.length / charactersPerToken), 0);
}
