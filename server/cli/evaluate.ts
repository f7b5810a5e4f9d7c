import { command, textFlag } from './command.ts';
import { adapterFlag, jsonFlag, modelFlag, threadsFlag } from './flags.ts';
import { runRowTask, shortNumber } from './task.ts';

export const evaluate = command({
  name: 'evaluate',
  summary: 'how likely a model finds texts, or how often a reward model agrees with preferences',
  details: `
FILE.jsonl holds one kind of rows:
  {"text"}                                every token but the first is judged
  {"messages"} or {"prompt", "completion"}  the last assistant turn is judged, its end token included
  {"prompt", "chosen", "rejected"}        judged by a reward model (--adapter)
The summary is {loss, perplexity, tokens}, with --reference also {kl}, or {accuracy, margin} for preferences.`,
  flags: {
    model: modelFlag,
    adapter: adapterFlag,
    reference: textFlag('DIR', 'measure the exact KL divergence from this adapter too ("base": from the bare model)'),
    threads: threadsFlag,
    json: jsonFlag,
  },
  operands: ['FILE.jsonl'],
  run: ({ model, adapter, reference, threads }, [file], console) =>
    runRowTask(console, {
      method: 'evaluate',
      title: 'Evaluating',
      params: { model, adapter, reference, threads, source: { file } },
      text: (row) =>
        'loss' in row
          ? `row ${row.row}: loss ${shortNumber(row.loss)} over ${row.tokens} tokens`
          : `row ${row.row}: chosen ${shortNumber(row.chosen)}, rejected ${shortNumber(row.rejected)}, margin ${shortNumber(row.margin)}`,
      summary: (result) =>
        'loss' in result
          ? `loss ${shortNumber(result.loss)} nats a token, perplexity ${shortNumber(result.perplexity)}, ${result.tokens} tokens`
          : `accuracy ${shortNumber(result.accuracy)}, mean margin ${shortNumber(result.margin)}, ${result.rows} rows`,
    }),
});
