import { command, required } from './command.ts';
import { adapterFlag, jsonFlag, modelFlag, threadsFlag } from './flags.ts';
import { runRowTask, shortNumber } from './task.ts';

export const score = command({
  name: 'score',
  summary: 'rewards of answers',
  details: `
FILE.jsonl holds rows {"text"}, {"messages"}, {"prompt", "completion"}: each gives {row, reward}; or
{"prompt", "chosen", "rejected"}: each gives {row, chosen, rejected, margin}.`,
  flags: {
    model: modelFlag,
    adapter: required({
      ...adapterFlag,
      placeholder: 'REWARD',
      help: 'the reward model: a PEFT folder of task SEQ_CLS',
    }),
    threads: threadsFlag,
    json: jsonFlag,
  },
  operands: ['FILE.jsonl'],
  run: ({ model, adapter, threads }, [file], console) =>
    runRowTask(console, {
      method: 'score',
      title: 'Scoring',
      params: { model, adapter, threads, source: { file } },
      text: (row) =>
        'reward' in row
          ? `row ${row.row}: ${shortNumber(row.reward)}`
          : `row ${row.row}: chosen ${shortNumber(row.chosen)}, rejected ${shortNumber(row.rejected)}`,
      summary: ({ rows, mean, deviation, accuracy }) => {
        const agreement = accuracy === undefined ? '' : `, accuracy ${shortNumber(accuracy)}`;
        return `${rows} rows, mean reward ${shortNumber(mean)}, deviation ${shortNumber(deviation)}${agreement}`;
      },
    }),
});
