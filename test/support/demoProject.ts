import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reviewPrompts } from '../../server/demo/reviews.ts';
import type { Comparison, Decision } from '../../server/protocol/types.ts';
import type { ServerClient } from './serverClient.ts';

/** Stages of a few small steps on the embedded model: a whole pipeline takes seconds. */
export const quickStages = {
  sft: { epochs: 1, batchSize: 4, microBatchTokens: 256 },
  reward: { epochs: 1, batchSize: 4, microBatchTokens: 256 },
  ppo: { iterations: 2, rolloutBatch: 8, batchSize: 4, maxNewTokens: 8, microBatchTokens: 256 },
};

/** Stages that last until they are stopped. */
export const longStages = {
  sft: { ...quickStages.sft, epochs: 10_000 },
  reward: { ...quickStages.reward, epochs: 10_000 },
  ppo: { ...quickStages.ppo, iterations: 10_000 },
};

export interface DemoProjectOptions {
  /** Of palate.json. */
  readonly stages?: Readonly<Record<string, unknown>>;
  readonly prompts?: number;
  /** Default: the embedded one. */
  readonly model?: string;
}

/** Writes a project with prompts and two responses to each, nothing decided. */
export function writeDemoProject(folder: string, options: DemoProjectOptions = {}): string {
  const { stages = quickStages, prompts: count = 16, model = 'embedded' } = options;
  for (const name of ['prompts', 'responses']) mkdirSync(join(folder, name), { recursive: true });
  const prompts = reviewPrompts('train').slice(0, count);
  const write = (path: string, rows: readonly unknown[]) =>
    writeFileSync(join(folder, path), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const generate = { samples: 2, maxNewTokens: 12 };
  const config = { version: 1, model, generate, stages };
  writeFileSync(join(folder, 'palate.json'), JSON.stringify(config, null, 2));
  write(
    'prompts/prompts.jsonl',
    prompts.map((prompt) => ({ prompt })),
  );
  const texts = [' a wonderful place that I loved. I will come again.', ' a dull place that I disliked. I left early.'];
  write(
    'responses/all.jsonl',
    prompts.flatMap((prompt) => texts.map((completion) => ({ prompt, completion, finished: true, model: 'by hand' }))),
  );
  return folder;
}

/** Decides every comparison that is left, as a person who likes cheerful answers, and tells how many. */
export async function labelAll(server: ServerClient, project: string, annotator = 'ann'): Promise<number> {
  for (let decided = 0; ; decided++) {
    const { comparisons } = await server.call('nextComparisons', { project, annotator, count: 1, held: [] });
    if (comparisons.length === 0) return decided;
    await server.call('decide', { project, annotator, decision: cheerful(comparisons[0]) });
  }
}

/** The decision for the response that says "wonderful". */
export function cheerful({ id, shown: [a, b] }: Comparison): Decision {
  const liked = JSON.stringify(a.parts).includes('wonderful') ? a : b;
  const shown = [a.id, b.id] as const;
  return { comparison: id, shown, choice: liked.id, strength: 1, scale: 4, aspects: {}, comment: '', ms: 900 };
}
