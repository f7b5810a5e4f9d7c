import { Progress, type ProgressStage } from '../demo/progress.ts';
import type { EngineEvents } from '../protocol/engine.ts';
import type { StageName, TrainSummary } from '../protocol/types.ts';
import type { Console } from './console.ts';
import { shortNumber } from './task.ts';

/** Share of the whole time, from a run of all three on a small model. */
const stages: readonly (ProgressStage & { readonly name: StageName })[] = [
  { name: 'sft', title: 'Supervised fine-tuning', weight: 1 },
  { name: 'reward', title: 'Reward model', weight: 3 },
  { name: 'ppo', title: 'PPO', weight: 7 },
];

/** Metrics to stdout (as JSON), everything else to the bar. */
export function watchTraining(console: Console, asked: StageName | 'all') {
  const progress = new Progress(stages.filter(({ name }) => asked === 'all' || name === asked));
  console.onInterrupt(() =>
    progress.stop('Stopping after this step, and saving … (Ctrl+C again: at once, without saving)'),
  );
  const standing = { fraction: 0, note: '' };
  const take = (event: EngineEvents['train']): void => {
    if (event.kind === 'notice') {
      progress.say(event.message);
    } else if (event.kind === 'stage') {
      // What moved it to another device was said.
      if (event.status === 'done' || event.status === 'moved') return;
      progress.begin(event.stage);
      if (event.status === 'resumed') progress.say(`going on from step ${event.step}`);
    } else if (event.kind === 'metrics') {
      const { kind: _, metrics, ...place } = event;
      if (console.json) console.resultJson({ ...place, ...metrics });
      if (!event.steps) return;
      standing.fraction = event.step / event.steps;
      standing.note = `step ${event.step} of ${event.steps}`;
      progress.update(standing.fraction, standing.note);
    } else if (event.kind === 'progress') {
      const { what, done, total } = event;
      const note = [standing.note, total > 0 ? `${what} ${done} of ${total}` : what].filter(Boolean).join(', ');
      progress.update(standing.fraction, note);
    }
  };
  return { progress, take };
}

export function summaryText({ status, out, adapters, stages: trained }: TrainSummary, seconds: number): string {
  const lines = trained.map(({ stage, status: state, step, metrics }) => {
    const shown = Object.entries(metrics).map(([name, value]) => `    ${name} ${shortNumber(value)}`);
    return [`  ${stage}: ${state}, ${step} steps`, ...shown].join('\n');
  });
  const folders = Object.values(adapters).map((folder) => `  ${folder}`);
  const head = status === 'done' ? `Done in ${seconds} s: ${out}` : `Paused after ${seconds} s: ${out}`;
  return [head, ...lines, ...(folders.length > 0 ? ['Adapters:', ...folders] : [])].join('\n');
}
