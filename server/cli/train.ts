import { readFileSync } from 'node:fs';
import { UserError } from '../errors.ts';
import type { StageName } from '../protocol/types.ts';
import { choiceFlag, command, missingFlag, switchFlag, textFlag } from './command.ts';
import {
  deviceFlag,
  engineFlag,
  jsonFlag,
  maxNewTokensFlag,
  optionalModelFlag,
  precisionFlag,
  projectFlag,
  seedFlag,
  threadsFlag,
} from './flags.ts';
import { summaryText, watchTraining } from './trainingOutput.ts';
import { trainProject } from './trainProject.ts';

const flags = {
  stage: choiceFlag<StageName | 'all'>(['sft', 'reward', 'ppo', 'all'], 'what to train; in a project by default all'),
  model: optionalModelFlag,
  data: textFlag('FILE.jsonl', "preferences; absent: the project's"),
  out: textFlag('DIR', "the folder of the run; absent: one of the project's"),
  config: textFlag('FILE', 'settings of the stages as JSON'),
  seed: seedFlag,
  'max-new-tokens': { ...maxNewTokensFlag, help: `${maxNewTokensFlag.help} in PPO` },
  resume: switchFlag('go on with the run in DIR'),
  engine: engineFlag,
  device: deviceFlag,
  precision: precisionFlag,
  threads: threadsFlag,
  project: projectFlag,
  run: textFlag('RUN', "in a project: go on in this run's folder with another stage"),
  json: jsonFlag,
};

/** What a training by hand needs; none of them: a project is trained. */
const byHand = ['model', 'data', 'out'] as const;

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
--precision int8-base multiplies with the frozen base in bytes (engine onnx): faster, the loss about 1 % off float32's.
In a project, \`palate train\` alone trains on what was labelled there, in a run that the editor shows; without --run,
\`--stage ppo\` starts from the project's reward model.
Ctrl+C saves, then stops; the same command with --resume, in a project \`palate resume\`, goes on and ends as if it had
never stopped.`,
  flags,
  operands: [],
  check(values) {
    const inProject = byHand.every((flag) => values[flag] === undefined);
    if (!inProject) {
      const missing = (['stage', ...byHand] as const).find((flag) => values[flag] === undefined);
      if (missing) throw missingFlag({ name: 'train', flags }, missing);
    }
    const needless = inProject ? (['config', 'resume'] as const) : (['project', 'run'] as const);
    const wrong = needless.find((flag) => values[flag] !== undefined && values[flag] !== false);
    if (!wrong) return;
    const hint = inProject
      ? 'a project has its settings in palate.json, and `palate resume` goes on with a run'
      : '--model, --data and --out say all';
    throw new UserError(`--${wrong} has no place here: ${hint}.`);
  },
  async run(values, _, console) {
    const { stage, model, data, out, seed, resume, engine, precision, device, threads, project, run } = values;
    if (stage === undefined || model === undefined || data === undefined || out === undefined) {
      const options = { seed, threads, maxNewTokens: values['max-new-tokens'] };
      return trainProject(console, { project, stage: stage ?? 'all', engine, precision, device, run, options });
    }
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
          precision,
          device,
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

/** The command line as it was given, with --resume, for a shell. */
export function resumeCommand(args: readonly string[]): string {
  const program = process.env.npm_lifecycle_event === 'palate' ? ['npm', 'run', 'palate', '--'] : ['palate'];
  const all = [...program, ...args, ...(args.includes('--resume') ? [] : ['--resume'])];
  return all.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
