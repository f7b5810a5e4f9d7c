import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reviewPrompts } from '../server/demo/reviews.ts';
import { packageRoot } from '../server/paths.ts';
import type { GeneratedAnswer } from '../server/protocol/types.ts';
import { drawPictures } from './example/pictures.ts';

/**
 * `npm run example [-- FOLDER]`: makes what the example workspace compares again, by default in examples/: the embedded
 * model answers prompts at two temperatures (through the command line, as a person would), and a script draws pictures.
 */
const folder = process.argv[2] ?? join(packageRoot(), 'examples');
const promptCount = 48;
/** The other prompts wait for *Generate Responses…*. */
const answered = 40;
const temperatures = [1, 0.6];

for (const name of ['prompts', 'responses', 'images']) {
  rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, name), { recursive: true });
}
const prompts = reviewPrompts('train').slice(0, promptCount);
writeLines(
  'prompts/reviews.jsonl',
  prompts.map((prompt) => ({ prompt })),
);
writeLines('responses/reviews.jsonl', textRows());
writeLines('responses/pictures.jsonl', await drawPictures(folder));
const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
console.log(`${folder}: ${Math.round(bytes / 1024)} KB`);

/** Two different answers to each prompt, one a temperature. */
function textRows(): object[] {
  const answers = temperatures.map((temperature, k) => generate(temperature, k + 1));
  return prompts.slice(0, answered).flatMap((prompt, row) => {
    const taken = new Set<string>();
    return answers.map((all, k) => {
      const answer = all.find((candidate) => candidate.row === row && !taken.has(candidate.text));
      if (!answer) throw new Error(`All answers to ${JSON.stringify(prompt)} are alike: ask for more samples.`);
      taken.add(answer.text);
      const model = `tiny at temperature ${temperatures[k]}`;
      return { prompt, completion: answer.text, ...(answer.finished ? {} : { finished: false }), model };
    });
  });
}

function generate(temperature: number, seed: number): GeneratedAnswer[] {
  const options = ['--model', join(packageRoot(), 'models', 'tiny'), '--temperature', `${temperature}`];
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      join(packageRoot(), 'out', 'server', 'cli.js'),
      'generate',
      ...options,
      ...['--samples', '2', '--max-new-tokens', '64', '--seed', `${seed}`, '--threads', '1', '--json'],
      join(folder, 'prompts', 'reviews.jsonl'),
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(`palate generate ended with ${status}.`);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return rows.filter((row) => 'text' in row);
}

function writeLines(name: string, rows: readonly object[]): void {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
