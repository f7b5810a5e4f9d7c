import { createHash } from 'node:crypto';
import type { CompletionRow } from '../protocol/types.ts';

/** Says which text was scored: equal for rows that the reward model reads as the same tokens, whatever file they are in. */
export function contentKey({ prompt, completion, finished = true }: CompletionRow): string {
  const asked = typeof prompt === 'string' ? prompt : prompt.map(({ role, content }) => [role, content]);
  // 120 bits: two of a million texts share a key once in 10²⁴ projects, and a line of the cache stays short.
  return createHash('sha256')
    .update(JSON.stringify([asked, completion, finished]))
    .digest('base64url')
    .slice(0, 20);
}
