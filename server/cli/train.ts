import { readFileSync } from 'node:fs';
import { Progress, type ProgressStage } from '../demo/progress.ts';
import { UserError } from '../errors.ts';
import type { EngineEvents } from '../protocol/engine.ts';
import type { StageName, TrainSummary } from '../protocol/types.ts';
import { choiceFlag, command, required, switchFlag, textFlag } from './command.ts';
import type { Console } from './console.ts';
import { engineFlag, jsonFlag, maxNewTokensFlag, modelFlag, seedFlag, threadsFlag } from './flags.ts';
import { shortNumber } from './task.ts';

/** Share of the whole time, from a run of all three on a small model. */
const stages: readonly (ProgressStage & { readonly name: StageName })[] = [
  { name: 'sft', title: 'Supervised fine-tuning', weight: 1 },
  { name: 'reward', title: 'Reward model', weight: 3 },
  { name: 'ppo', title: 'PPO', weight: 7 },
];

export const train = command({
  name: 'train',
  summary: 'teach a model a preference: supervised fine-tuning, reward model, PPO',
  details: `
FILE.jsonl holds TRL's preference columns, plain or conversational: {"prompt", "chosen", "rejected"}, or
{"chosen", "rejected"} that begin alike; "chosen_finished" / "rejected_finished": false says that an answer was cut and
has no end. sft learns the chosen answers, reward the preferences, ppo answers the prompts.
DIR gets sft, reward and policy (each a PEFT folder that stands alone on the base), checkpoints, metrics.jsonl,
samples.jsonl and manifest.json. Stages may be run one by one into the same DIR.
--engine tensorflow trains on TensorFlow (npm run setup:tensorflow, once); answers come from onnxruntime on either.
Ctrl+C saves, then stops; the same command with --resume goes on and ends as if it had never stopped.`,
  flags: {
    stage: required(choiceFlag<StageName | 'all'>(['sft', 'reward', 'ppo', 'all'], 'what to train')),
    model: modelFlag,
    data: required(textFlag('FILE.jsonl', 'preferences')),
    out: required(textFlag('DIR', 'the folder of the run')),
    config: textFlag('FILE', 'settings of the stages as JSON'),
    seed: seedFlag,
    'max-new-tokens': { ...maxNewTokensFlag, help: `${maxNewTokensFlag.help} in PPO` },
    resume: switchFlag('go on with the run in DIR'),
    engine: engineFlag,
    threads: threadsFlag,
    json: jsonFlag,
  },
  operands: [],
  async run(values, _, console) {
    const { stage, model, data, out, seed, resume, engine, threads } = values;
    const watch = watchTraining(console, stage);
    try {
      const result = await console.engine.call(
        'train',
        {
          stage,
          model,
          data,
          out,
          config: readConfig(values.config),
          seed,
          maxNewTokens: values['max-new-tokens'],
          resume,
          engine,
          threads,
        },
        { signal: console.signal, onEvent: watch.take },
      );
      watch.progress.stop();
      if (console.json) console.resultJson({ ...result, seconds: console.seconds() });
      else console.result(summaryText(result, console.seconds()));
      if (result.status === 'done') return 0;
      console.say(`Stopped and saved. To go on: ${resumeCommand(console.args)}`);
      return console.interruptCode ?? 0;
    } finally {
      watch.progress.stop();
    }
  },
});

function readConfig(path: string | undefined): { value: unknown; source: string } | undefined {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new UserError(`Cannot read ${path}: ${why}.`, { cause: error });
  }
  try {
    return { value: JSON.parse(text.replace(/^\ufeff/, '')), source: path };
  } catch (error) {
    throw new UserError(`${path} is not valid JSON: ${(error as Error).message}.`, { cause: error });
  }
}

/** Metrics to stdout (as JSON), everything else to the bar. */
function watchTraining(console: Console, asked: StageName | 'all') {
  const progress = new Progress(stages.filter(({ name }) => asked === 'all' || name === asked));
  console.onInterrupt(() =>
    progress.stop('Stopping after this step, and saving … (Ctrl+C again: at once, without saving)'),
  );
  const standing = { fraction: 0, note: '' };
  const take = (event: EngineEvents['train']): void => {
    if (event.kind === 'notice') {
      progress.say(event.message);
    } else if (event.kind === 'stage') {
      if (event.status === 'done') return;
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

function summaryText({ status, out, adapters, stages: trained }: TrainSummary, seconds: number): string {
  const lines = trained.map(({ stage, status: state, step, metrics }) => {
    const shown = Object.entries(metrics).map(([name, value]) => `    ${name} ${shortNumber(value)}`);
    return [`  ${stage}: ${state}, ${step} steps`, ...shown].join('\n');
  });
  const folders = Object.values(adapters).map((folder) => `  ${folder}`);
  const head = status === 'done' ? `Done in ${seconds} s: ${out}` : `Paused after ${seconds} s: ${out}`;
  return [head, ...lines, ...(folders.length > 0 ? ['Adapters:', ...folders] : [])].join('\n');
}

/** The command line as it was given, with --resume, for a shell. */
export function resumeCommand(args: readonly string[]): string {
  const program = process.env.npm_lifecycle_event === 'palate' ? ['npm', 'run', 'palate', '--'] : ['palate'];
  const all = [...program, ...args, ...(args.includes('--resume') ? [] : ['--resume'])];
  return all.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
