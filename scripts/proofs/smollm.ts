import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { completionRows, type DemoContext, sample, samplePairs, writeLines } from '../../server/demo/demo.ts';
import { distinct2 } from '../../server/demo/distinct.ts';
import { likedShare, tastes } from '../../server/demo/judge.ts';
import { Progress } from '../../server/demo/progress.ts';
import { instructDemo } from '../../server/demo/settings.ts';
import type { RunManifest } from '../../server/engine/run/manifest.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import type { GeneratedAnswer } from '../../server/protocol/types.ts';
import { testData } from '../../test/support/testData.ts';
import type { Measurement, Report } from '../measure.ts';

const comparisons = 300;
const seed = 1;
const precision = 'int8-base';
/** Answers to each held-out prompt; 55 prompts make 825. */
const answersEach = 15;
/** Of these as many are compared with the base's own, and measured token by token. */
const comparedEach = 4;

export const measurement: Measurement = {
  description:
    'SmolLM2-135M-Instruct learns to answer in one paragraph: `train --stage all` on 300 comparisons of its own sampled answers (temperature 1, 64 tokens), judged by a rule; linear layers of the base run as products of bytes (`--precision int8-base`); measured on prompts about topics that no stage saw. PALATE_PROVE_FOLDER names a folder that keeps what is done, so that an interrupted proof goes on.',
  async run(report) {
    const folder = testData('SmolLM2-135M-Instruct');
    if (folder === undefined) throw new Error('The folder SmolLM2-135M-Instruct is not in PALATE_TEST_DATA.');
    const kept = process.env.PALATE_PROVE_FOLDER;
    const work = kept ?? mkdtempSync(join(tmpdir(), 'palate-prove-smollm-'));
    mkdirSync(work, { recursive: true });
    const settings = instructDemo(join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf'));
    const engine = new EngineProcess();
    const progress = new Progress([{ name: 'smollm', title: 'SmolLM2', weight: 1 }]);
    const { signal } = new AbortController();
    progress.begin('smollm');
    try {
      await prove(report, { engine, progress, signal, settings, seed, folder: work });
    } finally {
      progress.stop();
      await engine.close();
      if (kept === undefined) rmSync(work, { recursive: true, force: true });
    }
  },
};

async function prove(report: Report, context: DemoContext): Promise<void> {
  const { settings, folder } = context;
  const { train, heldOut } = settings.prompts;
  const taste = tastes[settings.taste];
  const shareOf = (answers: readonly GeneratedAnswer[]) =>
    likedShare(
      taste,
      answers.map(({ text }) => text),
    );
  const repeated = (count: number) => heldOut.flatMap((prompt) => Array.from({ length: count }, () => prompt));

  report.note('the model as it is');
  const base = await kept(folder, 'base', () =>
    sample(context, undefined, heldOut, { samples: comparedEach, seed: 101 }),
  );
  report.figure('preferred share, base', shareOf(base), '', { min: 0.2, max: 0.6 });
  const data = join(folder, 'preferences.jsonl');
  if (!existsSync(data)) writeLines(data, await samplePairs(context, undefined, train, comparisons, 1));
  await trainAll(report, context, data);
  const unseen = join(folder, 'unseen.jsonl');
  if (!existsSync(unseen)) writeLines(unseen, await samplePairs(context, undefined, heldOut, 100, 2));
  report.figure('reward accuracy, unseen prompts', await rewardAccuracy(context, unseen), '', { min: 0.9 });

  report.note('answers of the SFT model and of the policy');
  const [sft, policy] = [join(folder, 'sft'), join(folder, 'policy')];
  const answersOf = (adapter: string, name: string, seed: number) =>
    kept(folder, name, () => sample(context, adapter, heldOut, { samples: answersEach, seed }));
  const before = await answersOf(sft, 'before', 102);
  const after = await answersOf(policy, 'after', 103);
  const [shareBefore, shareAfter] = [shareOf(before), shareOf(after)];
  report.figure('preferred share, SFT model', shareBefore, '');
  report.figure('preferred share, policy', shareAfter, '', { min: 0.9 });
  report.figure('not preferred, policy / SFT model', (1 - shareAfter) / (1 - shareBefore), '', { max: 0.6 });

  const few = after.filter(({ sample: place }) => place < comparedEach);
  const prompts = repeated(comparedEach);
  const { kl } = await textFigures(context, few, prompts, { adapter: policy, reference: sft });
  report.figure('KL a response, policy to SFT model', kl, 'nats', { max: 8 });
  const texts = (answers: readonly GeneratedAnswer[]) => answers.map(({ text }) => text);
  report.figure('distinct-2, policy / base', distinct2(texts(few)) / distinct2(texts(base)), '', { min: 0.8 });
  const [own, start] = [await textFigures(context, few, prompts), await textFigures(context, base, prompts)];
  report.figure('perplexity under the base, policy / base', own.perplexity / start.perplexity, '', { max: 2 });
  for (const answer of few.slice(0, 3)) report.note(JSON.stringify(answer.text));
}

async function trainAll(report: Report, { engine, progress, signal, settings, folder }: DemoContext, data: string) {
  const { model, maxNewTokens } = settings;
  const manifest = join(folder, 'manifest.json');
  const resume = existsSync(manifest);
  const params = { stage: 'all', model, data, out: folder, seed, maxNewTokens, resume, precision } as const;
  await engine.call('train', params, {
    signal,
    onEvent(event) {
      if (event.kind === 'notice') report.note(event.message);
      if (event.kind === 'stage') report.note(`${event.stage}: ${event.status}`);
      if (event.kind === 'metrics' && event.metrics['objective/kl'] !== undefined) {
        const shown = ['objective/kl', 'objective/scores'].map((name) => `${name} ${event.metrics[name].toFixed(3)}`);
        report.note(`step ${event.step}: ${shown.join(', ')}`);
      }
      if (event.kind === 'metrics' && event.steps !== undefined) {
        progress.update(event.step / event.steps, `${event.stage}, step ${event.step} of ${event.steps}`);
      }
    },
  });
  // Of work, over all sittings.
  const { stages } = JSON.parse(readFileSync(manifest, 'utf8')) as RunManifest;
  const seconds = stages.reduce((sum, record) => sum + record.seconds, 0);
  for (const { stage, seconds } of stages) report.figure(`train: ${stage}`, seconds, 's');
  report.figure('train --stage all', seconds, 's', { max: 720 });
}

/** What is kept under a name, or what `make` gives, kept. */
async function kept<Value>(folder: string, name: string, make: () => Promise<Value>): Promise<Value> {
  const file = join(folder, `${name}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Value;
  const value = await make();
  writeFileSync(file, JSON.stringify(value));
  return value;
}

async function rewardAccuracy({ engine, settings, folder, signal }: DemoContext, file: string): Promise<number> {
  const params = { model: settings.model, adapter: join(folder, 'reward'), source: { file } };
  const summary = await engine.call('evaluate', params, { signal });
  return 'accuracy' in summary ? summary.accuracy : Number.NaN;
}

async function textFigures(
  context: DemoContext,
  answers: readonly GeneratedAnswer[],
  prompts: readonly string[],
  adapters: { readonly adapter?: string; readonly reference?: string } = {},
): Promise<{ kl: number; perplexity: number }> {
  const { engine, settings, signal } = context;
  const rows = completionRows(context, answers, prompts);
  const summary = await engine.call('evaluate', { model: settings.model, ...adapters, source: { rows } }, { signal });
  if (!('perplexity' in summary)) throw new Error('Texts were not evaluated.');
  return { kl: summary.kl ?? Number.NaN, perplexity: summary.perplexity };
}
