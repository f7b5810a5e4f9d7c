import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type DemoResult, demoStages, runDemo } from '../demo/demo.ts';
import { demoReport, threeChanged } from '../demo/demoReport.ts';
import { type TasteName, tastes } from '../demo/judge.ts';
import { Progress } from '../demo/progress.ts';
import { renderReport } from '../demo/report.ts';
import { type DemoSettings, embeddedDemo, instructDemo } from '../demo/settings.ts';
import { requireNative } from '../tensorflow/home.ts';
import { choiceFlag, command, textFlag } from './command.ts';
import { type Console, printable } from './console.ts';
import { engineFlag, jsonFlag, seedFlag } from './flags.ts';
import { shortNumber } from './task.ts';

export const demo = command({
  name: 'demo',
  summary: 'watch a small model learn a preference, from start to end',
  details: `
Without --model the embedded model learns to write cheerful reviews: SFT on a style, 400 comparisons, reward model, PPO.
With --model the same is done with that instruct model's own answers. A rule of a few lines stands in for a person.
Leaves a report (report.html), the data, the adapters and the metrics in the run's folder.`,
  flags: {
    model: textFlag('PATH', 'a GGUF file or a Hugging Face folder of an instruct model'),
    taste: choiceFlag(Object.keys(tastes) as TasteName[], 'what the stand-in prefers'),
    out: textFlag('DIR', 'the folder of the run (default: a new one in .palate/demo)'),
    engine: engineFlag,
    seed: seedFlag,
    json: jsonFlag,
  },
  operands: [],
  async run({ model, taste, out, engine, seed = 1 }, _, console) {
    // Said now, not after minutes of sampling.
    if (engine === 'tensorflow') requireNative();
    const base = model === undefined ? embeddedDemo(seed) : instructDemo(model);
    const settings: DemoSettings = { ...base, taste: taste ?? base.taste, engine };
    const folder = resolve(out ?? join('.palate', 'demo', new Date().toISOString().replaceAll(/[:.]/g, '-')));
    const progress = new Progress(demoStages(settings));
    console.onInterrupt(() => progress.stop('Stopping …'));
    console.say(`A rule stands in for a person: it prefers ${tastes[settings.taste].prefers}.`);
    try {
      const result = await runDemo({
        engine: console.engine,
        progress,
        signal: console.signal,
        settings,
        seed,
        folder,
      });
      progress.close();
      const report = join(folder, 'report.html');
      const seconds = console.seconds();
      writeFileSync(report, renderReport(demoReport({ result, settings, seed, seconds, folder })));
      printResult(console, result, report);
      return 0;
    } finally {
      progress.stop();
    }
  },
});

function printResult(console: Console, result: DemoResult, report: string): void {
  const { before, after, kl, rewardAccuracy, responses } = result;
  if (!console.json) {
    console.result(`                     before    after\n${rows(result)}`);
    console.result(`KL to the SFT model  ${shortNumber(kl)} nats a response`);
    console.result(`Reward accuracy      ${shortNumber(rewardAccuracy)} of fresh comparisons`);
    for (const k of threeChanged(result)) {
      const [left, right] = [responses.before[k], responses.after[k]];
      console.result(`\n${printable(left.prompt)}\n  before:${indented(left.text)}\n  after: ${indented(right.text)}`);
    }
    console.result(`\nReport: ${report} · ${console.seconds()} s`);
    return;
  }
  console.resultJson({ report });
  console.resultJson({ before, after, kl, rewardAccuracy, seconds: console.seconds() });
}

function rows({ before, after }: DemoResult): string {
  const line = (name: string, key: 'positive' | 'reward' | 'distinct2') =>
    `${name.padEnd(19)}  ${shortNumber(before[key]).padEnd(8)}  ${shortNumber(after[key])}`;
  return [line('Positive share', 'positive'), line('Mean reward', 'reward'), line('Distinct-2', 'distinct2')].join(
    '\n',
  );
}

function indented(text: string): string {
  return printable(text.trim()).replaceAll('\n', '\n         ').replace(/^/, ' ');
}
