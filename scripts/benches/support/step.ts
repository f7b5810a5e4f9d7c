import { parseConfig } from '../../../server/config.ts';
import type { Model } from '../../../server/engine/model.ts';
import type { Recompute } from '../../../server/engine/runtime.ts';
import { sftConfig } from '../../../server/engine/stages/config.ts';
import { sftStage } from '../../../server/engine/stages/sft.ts';
import { median } from './figures.ts';
import { GemmRate } from './gemm.ts';
import { randomIds } from './smollm.ts';

/** Rows and tokens of a step. */
export const [batch, time] = [8, 128];
const [skipped, measured] = [2, 6];
const gemmRuns = 20;

/** SFT steps of 8 rows of 128 tokens as `train` makes them: graph, gradients, clipping, AdamW. The median, and the GEMM rate between them. */
export async function trainingStep(
  model: Model,
  recompute: Recompute,
): Promise<{ seconds: number; gigaflops: number }> {
  const gemm = await GemmRate.open();
  const seconds: number[] = [];
  const steps = sftSteps(model, { recompute, count: skipped + measured });
  for (let step = 1; step <= skipped + measured; step++) {
    const { value } = await steps.next();
    if (step <= skipped) continue;
    seconds.push(value as number);
    // Between the measured steps, and as often after each.
    if (step < skipped + measured) await gemm.measure(gemmRuns / (measured - 1));
  }
  await steps.return();
  return { seconds: median(seconds), gigaflops: gemm.gigaflops };
}

/** Seconds of each of `count` steps; the first two are slower. */
export async function* sftSteps(
  model: Model,
  { recompute, count }: { readonly recompute: Recompute; readonly count: number },
): AsyncGenerator<number, void> {
  const rows = Array.from({ length: batch * count }, (_, row) => {
    const ids = randomIds(time + 1, row, model.config.vocabulary);
    return { prompt: ids.slice(0, 2), response: ids.slice(2) };
  });
  const config = parseConfig(sftConfig, { batchSize: batch, microBatchTokens: batch * time, recompute }, 'the bench');
  const stage = sftStage(model, rows, config, { seed: 1 });
  const steps = stage.run(stage.start());
  for (;;) {
    const start = performance.now();
    const { done } = await steps.next();
    if (done) return;
    yield (performance.now() - start) / 1000;
  }
}
