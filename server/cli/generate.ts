import { resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { startGenerating } from '../jobs/generating.ts';
import type { GenerateParams } from '../protocol/engine.ts';
import { command, missingOperands, numberFlag, switchFlag, textFlag } from './command.ts';
import { printable } from './console.ts';
import {
  adapterFlag,
  jsonFlag,
  maxNewTokensFlag,
  optionalModelFlag,
  projectFlag,
  seedFlag,
  threadsFlag,
} from './flags.ts';
import { openCommandProject, runPlainJob } from './project.ts';
import { runRowTask } from './task.ts';

/** What belongs to a model that was given by hand, and what to a project. */
const byHand = ['adapter', 'greedy', 'top-k', 'top-p', 'seed', 'threads'] as const;
const inProject = ['project', 'limit', 'use'] as const;

export const generate = command({
  name: 'generate',
  summary: 'sample answers of a model',
  details: `
FILE.jsonl holds rows {"prompt": text} (taken as it is) or {"messages": [{"role", "content"}, …]} (through the model's
chat template). Per answer {row, sample, text, ids, logps, finished}: ids and logps include the end token when the
answer is finished, text has no special tokens. Rows come out in input order, samples of a row together.
In a project, without --model, the prompts of FILE.jsonl, or all below prompts/, are answered into responses/.`,
  flags: {
    model: optionalModelFlag,
    adapter: adapterFlag,
    greedy: switchFlag('the most likely token each time'),
    temperature: numberFlag('T', 'the temperature to sample at (default 1)', { least: 0, above: true }),
    'top-k': numberFlag('K', 'sample among the K most likely tokens only', { least: 1, whole: true }),
    'top-p': numberFlag('P', 'sample among the fewest tokens that hold this share of the probability', {
      least: 0,
      above: true,
      most: 1,
    }),
    samples: numberFlag('N', 'answers a row (default 1)', { least: 1, whole: true }),
    'max-new-tokens': { ...maxNewTokensFlag, help: `${maxNewTokensFlag.help} (default 128)` },
    seed: seedFlag,
    threads: threadsFlag,
    project: projectFlag,
    limit: numberFlag('N', 'in a project: at most N prompts, those with the fewest responses first', {
      least: 1,
      whole: true,
    }),
    use: textFlag('ID', 'in a project: the model that answers, as the models view names it'),
    json: jsonFlag,
  },
  operands: [],
  optionalOperands: ['FILE.jsonl'],
  check(values, [file]) {
    if (values.model !== undefined && file === undefined) throw missingOperands('generate', ['FILE.jsonl']);
    const needless = values.model === undefined ? byHand : inProject;
    const wrong = needless.find((flag) => values[flag] !== undefined && values[flag] !== false);
    if (!wrong) return;
    const where = values.model === undefined ? 'needs --model' : 'is for a project, without --model';
    throw new UserError(`--${wrong} ${where}.`);
  },
  async run(values, [file], console) {
    if (values.model === undefined) {
      const { parts, close } = await openCommandProject(console, values.project);
      const { limit, samples, temperature, use: model, 'max-new-tokens': maxNewTokens } = values;
      // As everywhere on a command line, a path is one from here.
      const prompts = file === undefined ? undefined : resolve(file);
      const request = { prompts, limit, samples, maxNewTokens, temperature, model };
      return runPlainJob(console, parts, 'Generating', () => startGenerating(parts, request)).finally(close);
    }
    return runRowTask(console, {
      method: 'generate',
      title: 'Generating',
      params: {
        model: values.model,
        adapter: values.adapter,
        source: { file },
        sampling: sampling(values),
        samples: values.samples,
        maxNewTokens: values['max-new-tokens'],
        seed: values.seed,
        threads: values.threads,
      },
      text: ({ row, sample, text, ids, finished }) =>
        `[row ${row}, sample ${sample}, ${ids.length} tokens${finished ? '' : ', cut'}]\n${printable(text)}\n`,
      summary: ({ rows, answers, tokens, finished }) =>
        `${rows} rows, ${answers} answers (${finished} finished), ${tokens} tokens`,
    });
  },
});

function sampling(values: {
  readonly greedy: boolean;
  readonly temperature: number | undefined;
  readonly 'top-k': number | undefined;
  readonly 'top-p': number | undefined;
}): GenerateParams['sampling'] {
  const { greedy, temperature, 'top-k': topK, 'top-p': topP } = values;
  if (!greedy) return { temperature: temperature ?? 1, topK, topP };
  const other = Object.entries({ temperature, 'top-k': topK, 'top-p': topP }).find(([, value]) => value !== undefined);
  if (other !== undefined) throw new UserError(`--greedy and --${other[0]} exclude each other: leave one out.`);
  return 'greedy';
}
