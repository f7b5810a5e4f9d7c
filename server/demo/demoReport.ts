import type { StageName } from '../protocol/types.ts';
import { type DemoResult, readMetrics } from './demo.ts';
import { tastes } from './judge.ts';
import type { DemoReport, ReportFigure, ReportResponse } from './report.ts';
import type { DemoSettings } from './settings.ts';

export interface DemoReportInput {
  readonly result: DemoResult;
  readonly settings: DemoSettings;
  readonly seed: number;
  readonly seconds: number;
  /** The run's folder. */
  readonly folder: string;
}

const stageTexts: Readonly<Record<StageName, { readonly name: string; readonly explanation: string }>> = {
  sft: { name: 'Supervised fine-tuning', explanation: 'The model learns to answer in the style of its examples.' },
  reward: { name: 'Reward model', explanation: 'A copy of the model learns to score what the comparisons prefer.' },
  ppo: {
    name: 'PPO',
    explanation: 'The model samples answers, the reward model scores them, and what scored well becomes more likely.',
  },
};

/** What the demo's report page shows. */
export function demoReport({ result, settings, seed, seconds, folder }: DemoReportInput): DemoReport {
  const metrics = readMetrics(folder);
  const stages = (['sft', 'reward', 'ppo'] as const).filter((stage) => metrics.has(stage));
  return {
    title: 'Palate: a model learns a preference',
    introduction: `A rule stood in for a person and judged ${result.counts.comparisons} comparisons: it prefers ${tastes[settings.taste].prefers}. All figures are measured on prompts that no stage saw.`,
    seconds,
    settings: [
      { name: 'Model', value: settings.model },
      { name: 'Taste', value: settings.taste },
      { name: 'Comparisons', value: String(result.counts.comparisons) },
      { name: 'Seed', value: String(seed) },
      { name: 'Engine', value: 'onnxruntime, CPU' },
    ],
    figures: figures(result, settings),
    sideBySide: threeChanged(result).map((k) => ({
      prompt: result.responses.before[k].prompt,
      before: response(result.responses.before[k]),
      after: response(result.responses.after[k]),
    })),
    stages: stages.map((stage) => ({ ...stageTexts[stage], metrics: metrics.get(stage) ?? [] })),
  };
}

function figures({ before, after, kl, rewardAccuracy, counts }: DemoResult, settings: DemoSettings): ReportFigure[] {
  const over = `over ${settings.responses} sampled responses to held-out prompts`;
  const pair = (
    name: string,
    key: 'positive' | 'reward' | 'distinct2',
    unit: ReportFigure['unit'],
    definition: string,
  ) => ({
    name,
    before: before[key],
    after: after[key],
    unit,
    definition,
  });
  return [
    pair('Preferred responses', 'positive', 'share', `Share that the rule likes, ${over}.`),
    pair(
      'Mean reward',
      'reward',
      '',
      `By the trained reward model, ${over}; training responses have mean 0 and deviation 1.`,
    ),
    pair('Distinct-2', 'distinct2', 'share', `Distinct pairs of neighbouring words over all such pairs, ${over}.`),
    {
      name: 'KL divergence',
      after: kl,
      unit: 'nats',
      definition: 'Mean exact divergence of a response from the SFT model.',
    },
    {
      name: 'Reward accuracy',
      after: rewardAccuracy,
      unit: 'share',
      definition: `Share of ${counts.freshPairs} fresh comparisons in which the reward model agrees with the rule.`,
    },
  ];
}

/** Three prompts, beginning where the rule's verdict changed, if it did. */
export function threeChanged({ responses: { before, after } }: DemoResult): number[] {
  const first = Math.max(
    0,
    before.findIndex(({ positive }, k) => !positive && after[k].positive),
  );
  return [first, first + 1, first + 2].filter((k) => k < before.length);
}

function response({ text, reward, positive }: DemoResult['responses']['before'][number]): ReportResponse {
  return { text, reward, positive };
}
