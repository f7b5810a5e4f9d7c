import { UserError } from '../errors.ts';
import type { GenerateParams } from '../protocol/engine.ts';
import { command, numberFlag, switchFlag } from './command.ts';
import { printable } from './console.ts';
import { adapterFlag, jsonFlag, maxNewTokensFlag, modelFlag, seedFlag, threadsFlag } from './flags.ts';
import { runRowTask } from './task.ts';

export const generate = command({
  name: 'generate',
  summary: 'sample answers of a model',
  details: `
FILE.jsonl holds rows {"prompt": text} (taken as it is) or {"messages": [{"role", "content"}, …]} (through the model's
chat template). Per answer {row, sample, text, ids, logps, finished}: ids and logps include the end token when the
answer is finished, text has no special tokens. Rows come out in input order, samples of a row together.`,
  flags: {
    model: modelFlag,
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
    json: jsonFlag,
  },
  operands: ['FILE.jsonl'],
  run: (values, [file], console) =>
    runRowTask(console, {
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
    }),
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
