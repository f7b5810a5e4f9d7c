import { resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { activeRewardModel } from '../jobs/rewardModel.ts';
import { startScoring } from '../jobs/scoringFile.ts';
import type { Job, ScoredAnswer, ScoredPair } from '../protocol/types.ts';
import { createScorer } from '../scores/createScorer.ts';
import { readJsonLines } from '../store/jsonLines.ts';
import { command, missingFlag } from './command.ts';
import type { Console } from './console.ts';
import { adapterFlag, jsonFlag, optionalModelFlag, projectFlag, threadsFlag } from './flags.ts';
import { openCommandProject, runPlainJob } from './project.ts';
import { runRowTask, shortNumber } from './task.ts';

const flags = {
  model: optionalModelFlag,
  adapter: { ...adapterFlag, placeholder: 'REWARD', help: "the reward model: a PEFT folder; absent: the project's" },
  threads: threadsFlag,
  project: projectFlag,
  json: jsonFlag,
};

export const score = command({
  name: 'score',
  summary: 'rewards of answers',
  details: `
FILE.jsonl holds rows {"text"}, {"messages"}, {"prompt", "completion"}: each gives {row, reward}; or
{"prompt", "chosen", "rejected"}: each gives {row, chosen, rejected, margin}.
In a project, without --model and --adapter, its reward model scores, and NAME.scores.jsonl beside FILE keeps the rows.`,
  flags,
  operands: ['FILE.jsonl'],
  check(values) {
    const missing = (['model', 'adapter'] as const).filter((flag) => values[flag] === undefined);
    if (missing.length === 1) throw missingFlag({ name: 'score', flags }, missing[0]);
    if (missing.length === 0 && values.project !== undefined)
      throw new UserError('--project has no place here: --model and --adapter say all.');
    if (missing.length === 2 && values.threads !== undefined) throw new UserError('--threads needs --model.');
  },
  async run({ model, adapter, threads, project }, [file], console) {
    if (model === undefined || adapter === undefined) return scoreInProject(console, project, resolve(file));
    return runRowTask(console, {
      method: 'score',
      title: 'Scoring',
      params: { model, adapter, threads, source: { file } },
      text: rowText,
      summary: ({ rows, mean, deviation, accuracy }) => {
        const agreement = accuracy === undefined ? '' : `, accuracy ${shortNumber(accuracy)}`;
        return `${rows} rows, mean reward ${shortNumber(mean)}, deviation ${shortNumber(deviation)}${agreement}`;
      },
    });
  },
});

/** Scores as the editor does, with what it has scored already, and prints what was written. */
async function scoreInProject(console: Console, project: string | undefined, file: string): Promise<number> {
  const { parts, close } = await openCommandProject(console, project);
  const { store, engine: engineHost } = parts;
  const scorer = createScorer({ store, engineHost, activeRewardModel: () => activeRewardModel(parts) });
  const show = ({ output }: Job) => {
    for (const { value } of output === undefined ? [] : readJsonLines(output)) {
      if (console.json) console.resultJson(value);
      else console.result('error' in value ? `row ${value.row}: ${value.error}` : rowText(value as never));
    }
  };
  try {
    return await runPlainJob(console, parts, 'Scoring', () => startScoring(parts, scorer, file), show);
  } finally {
    await scorer.close();
    await close();
  }
}

function rowText(row: ScoredAnswer | ScoredPair): string {
  return 'reward' in row
    ? `row ${row.row}: ${shortNumber(row.reward)}`
    : `row ${row.row}: chosen ${shortNumber(row.chosen)}, rejected ${shortNumber(row.rejected)}`;
}
