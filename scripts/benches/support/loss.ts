import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../../server/config.ts';
import type { Model } from '../../../server/engine/model.ts';
import { mean } from '../../../server/engine/stages/common.ts';
import { sftConfig } from '../../../server/engine/stages/config.ts';
import { sftStage } from '../../../server/engine/stages/sft.ts';
import { openModelFiles } from '../../../server/engine/weights/load.ts';
import { createTokenizer } from '../../../server/engine/weights/tokenizer.ts';
import { packageRoot } from '../../../server/paths.ts';
import { randomIds } from './smollm.ts';

const [rows, tokens, tail] = [8, 32, 10];

/** The mean loss of the last ten of `steps` SFT steps of 8 rows of 32 tokens, on lines of this repository's own pages. */
export async function lossAfter(model: Model, steps: number): Promise<number> {
  const ids = model.base.path === '' ? randomIds(rows * tokens * 8, 0) : pageIds(model.base.path);
  const sequences = Array.from({ length: Math.min(rows * steps, Math.floor(ids.length / tokens)) }, (_, row) => {
    const part = ids.slice(row * tokens, (row + 1) * tokens);
    return { prompt: part.slice(0, 2), response: part.slice(2) };
  });
  const settings = {
    batchSize: rows,
    epochs: Math.ceil((steps * rows) / sequences.length),
    microBatchTokens: rows * tokens,
  };
  const stage = sftStage(model, sequences, parseConfig(sftConfig, settings, 'the bench'), { seed: 1 });
  const losses: number[] = [];
  for await (const event of stage.run(stage.start())) {
    if (event.kind === 'step') losses.push(event.metrics.loss);
    if (losses.length === steps) break;
  }
  return mean(losses.slice(-tail));
}

/** The pages as the model's own tokens; the bench's tokenizer has no words. */
function pageIds(path: string): number[] {
  const files = openModelFiles(path);
  try {
    const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
    const text = pages.map((name) => readFileSync(join(packageRoot(), name), 'utf8')).join('\n');
    return createTokenizer(files.tokenizerSource()).encode(text);
  } finally {
    files.close();
  }
}
