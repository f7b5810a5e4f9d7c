import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { distinct2 } from '../../server/demo/distinct.ts';
import { instructPrompts } from '../../server/demo/instructPrompts.ts';
import { tastes } from '../../server/demo/judge.ts';
import { UserError } from '../../server/errors.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import { testData } from '../../test/support/testData.ts';
import type { Measurement, Report } from '../measure.ts';
import {
  type Answer,
  type Bench,
  compareAnswers,
  judgeAnswers,
  Notebook,
  rewardAccuracy,
  runCommand,
  sampleAnswers,
  shareLiked,
  writeComparisons,
} from './support/smollm.ts';

/** How much of everything; a trial of the way through takes less. */
export interface Sizes {
  readonly trainPrompts: number;
  readonly unseenPrompts: number;
  readonly comparisons: number;
  /** Answers a prompt: of the base to each unseen prompt, and of SFT model and policy. */
  readonly baseAnswers: number;
  readonly answers: number;
  /** Answers of each kind whose likelihood is taken. */
  readonly judged: number;
  /** What `train --config` gets. */
  readonly config: Readonly<Record<string, unknown>>;
}

const sizes: Sizes = {
  trainPrompts: 150,
  unseenPrompts: 55,
  comparisons: 300,
  baseAnswers: 6,
  answers: 15,
  judged: 440,
  config: {},
};

export const measurement: Measurement = {
  description:
    'SmolLM2-135M-Instruct through `train --stage all` with default settings: 300 comparisons of its own answers (temperature 1, at most 64 tokens, 150 prompts), judged by a rule that likes one paragraph without a list; measured on 55 unseen prompts about other topics, 15 answers each. PALATE_PROVE_FOLDER keeps what is done, so that an interrupted proof goes on.',
  async run(report) {
    const kept = process.env.PALATE_PROVE_FOLDER;
    const folder = kept ?? mkdtempSync(join(tmpdir(), 'palate-prove-smollm-'));
    try {
      await prove(report, new Notebook(folder), sizes);
    } finally {
      if (kept === undefined) rmSync(folder, { recursive: true, force: true });
    }
  },
};

export async function prove(report: Report, notebook: Notebook, sizes: Sizes): Promise<void> {
  const data = testData('SmolLM2-135M-Instruct');
  if (data === undefined)
    throw new UserError('SmolLM2-135M-Instruct is not there; PALATE_TEST_DATA says where to look.');
  const model = join(data, 'SmolLM2-135M-Instruct.Q4_1.gguf');
  const taste = tastes.paragraph;
  const run = notebook.path('run');
  const unseen = instructPrompts.heldOut.slice(0, sizes.unseenPrompts);

  const before = await withEngine((engine) =>
    collect(report, { engine, model, taste, maxNewTokens: 64 }, { notebook, sizes }),
  );

  const { seconds } = await notebook.kept('training', async () => {
    report.note(`training: sft, reward, ppo`);
    rmSync(run, { recursive: true, force: true });
    const files = [
      '--data',
      notebook.path('comparisons.jsonl'),
      '--out',
      run,
      '--config',
      notebook.path('config.json'),
    ];
    writeFileSync(notebook.path('config.json'), JSON.stringify(sizes.config));
    const settings = ['--stage', 'all', '--model', model, '--seed', '1', '--max-new-tokens', '64'];
    return runCommand(['train', ...settings, ...files]);
  });
  report.figure('training', Number(seconds) / 60, 'minutes', { max: 30 });

  await withEngine(async (engine) => {
    const bench = { engine, model, taste, maxNewTokens: 64 };
    const adapters = { sft: join(run, 'sft'), reward: join(run, 'reward'), policy: join(run, 'policy') };
    const sample = (name: 'sft' | 'policy', seed: number) =>
      notebook.kept(`answers-${name}`, () => {
        report.note(`answers of ${name} to ${unseen.length} unseen prompts`);
        return sampleAnswers(bench, adapters[name], unseen, { samples: sizes.answers, seed });
      });
    const answers = { base: before, sft: await sample('sft', 3), policy: await sample('policy', 4) };
    await reportReward(report, bench, adapters.reward, answers.base);
    reportShares(report, bench, answers);
    await reportLanguage(report, bench, { ...adapters, answers, judged: sizes.judged });
  });
}

/** Samples from the bare model: the comparisons to train on (comparisons.jsonl), and answers to the unseen prompts. */
async function collect(
  report: Report,
  bench: Bench,
  { notebook, sizes }: { readonly notebook: Notebook; readonly sizes: Sizes },
): Promise<Answer[]> {
  const prompts = instructPrompts.train.slice(0, sizes.trainPrompts);
  const answers: Answer[] = [];
  let pairs = compareAnswers(answers, bench.taste, 0);
  for (let pass = 1; pairs.length < sizes.comparisons; pass++) {
    if (pass > 4) throw new Error(`Only ${pairs.length} comparisons came together.`);
    report.note(`answers of the base to ${prompts.length} prompts, pass ${pass}`);
    const draw = () => sampleAnswers(bench, undefined, prompts, { samples: 4, seed: 10 + pass });
    answers.push(...(await notebook.kept(`answers-train-${pass}`, draw)));
    pairs = compareAnswers(answers, bench.taste, sizes.comparisons);
  }
  writeComparisons(notebook.path('comparisons.jsonl'), pairs);
  report.figure('base share', shareLiked(bench, answers), '', { min: 0.2, max: 0.6 });
  report.figure('comparisons', pairs.length, '', { max: 300 });

  const unseen = instructPrompts.heldOut.slice(0, sizes.unseenPrompts);
  return notebook.kept('answers-base', () => {
    report.note(`answers of the base to ${unseen.length} unseen prompts`);
    return sampleAnswers(bench, undefined, unseen, { samples: sizes.baseAnswers, seed: 2 });
  });
}

async function reportReward(report: Report, bench: Bench, adapter: string, answers: readonly Answer[]): Promise<void> {
  const pairs = compareAnswers(answers, bench.taste, Number.POSITIVE_INFINITY);
  report.figure('unseen comparisons', pairs.length, '');
  report.figure('reward accuracy on unseen prompts', await rewardAccuracy(bench, adapter, pairs), '', { min: 0.9 });
}

interface Answers {
  readonly base: readonly Answer[];
  readonly sft: readonly Answer[];
  readonly policy: readonly Answer[];
}

function reportShares(report: Report, bench: Bench, { base, sft, policy }: Answers): void {
  const [before, after] = [shareLiked(bench, sft), shareLiked(bench, policy)];
  report.figure('base share on unseen prompts', shareLiked(bench, base), '');
  report.figure('SFT share on unseen prompts', before, '');
  report.figure('policy answers', policy.length, '', { min: 800 });
  report.figure('policy share on unseen prompts', after, '', { min: 0.9 });
  report.figure('not preferred, policy / SFT', (1 - after) / (1 - before), '', { max: 0.6 });
}

/** Exact KL to the SFT model, and whether the answers are still English: variety, and likelihood under the base. */
async function reportLanguage(
  report: Report,
  bench: Bench,
  inputs: { readonly sft: string; readonly policy: string; readonly answers: Answers; readonly judged: number },
): Promise<void> {
  const { base, sft, policy } = inputs.answers;
  report.note('divergence and likelihood');
  const part = (answers: readonly Answer[]) => everyNth(answers, inputs.judged);
  const { kl } = await judgeAnswers(bench, part(policy), { adapter: inputs.policy, reference: inputs.sft });
  report.figure('KL to the SFT model a response', kl ?? Number.NaN, 'nats', { max: 8 });
  const variety = (answers: readonly Answer[], count: number) =>
    distinct2(everyNth(answers, count).map(({ text }) => text));
  const against = (start: readonly Answer[]) => {
    const count = Math.min(start.length, policy.length);
    return variety(policy, count) / variety(start, count);
  };
  report.figure('distinct-2, policy / base', against(base), '', { min: 0.8 });
  report.figure('distinct-2, policy / SFT', against(sft), '', { min: 0.8 });
  const perplexity = async (answers: readonly Answer[]) => (await judgeAnswers(bench, part(answers))).perplexity;
  const [ofBase, ofSft, ofPolicy] = [await perplexity(base), await perplexity(sft), await perplexity(policy)];
  report.figure('perplexity under the base: its own answers', ofBase, '');
  report.figure('perplexity under the base: policy / base', ofPolicy / ofBase, '', { max: 2 });
  report.figure('perplexity under the base: policy / SFT', ofPolicy / ofSft, '', { max: 2 });
}

/** At most `count` of the answers, spread over all prompts. */
function everyNth(answers: readonly Answer[], count: number): Answer[] {
  if (answers.length <= count) return [...answers];
  return Array.from({ length: count }, (_, k) => answers[Math.floor((k * answers.length) / count)]);
}

async function withEngine<Result>(use: (engine: EngineProcess) => Promise<Result>): Promise<Result> {
  const engine = new EngineProcess();
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}
