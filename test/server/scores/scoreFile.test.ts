import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../server/errors.ts';
import { EngineStopped } from '../../../server/jobs/engineProcess.ts';
import { createScorer } from '../../../server/scores/createScorer.ts';
import { scoreFile, scoreText } from '../../../server/scores/scoreFile.ts';
import type { Scorer } from '../../../server/scores/scorer.ts';
import { recordingHost } from '../../support/engineHost.ts';
import { embedded, labelledPairs, labelledStore, trainReward, writePairs } from '../../support/rewardProject.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('scoring a whole file', () => {
  const folder = temporaryFolder();
  const engine = recordingHost();
  let scorer: Scorer;
  before(async () => {
    const adapter = join(await trainReward(engine, folder.path, 'one'), 'reward');
    scorer = createScorer({
      store: labelledStore(folder.path, []),
      engineHost: engine,
      activeRewardModel: async () => ({ model: embedded, adapter }),
    });
  });
  after(async () => {
    await scorer.close();
    await engine.close();
  });

  const linesOf = (path: string) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const leftOvers = () => readdirSync(folder.path).filter((name) => name.endsWith('.tmp'));

  it('a line a row, as `palate score` prints it, with progress', async () => {
    const file = writePairs(folder.path);
    const progress: (readonly [number, number])[] = [];
    const found = await scoreFile(scorer, file, { onProgress: (done, total) => progress.push([done, total]) });
    assert.equal(found.output, join(folder.path, 'pairs.scores.jsonl'));
    const direct: unknown[] = [];
    const { adapter = '' } = (await scorer.rewardModel()) ?? {};
    const summary = await engine.call(
      'score',
      { model: embedded, adapter, source: { file } },
      { onEvent: (event) => event.kind === 'row' && direct.push(event.row) },
    );
    const lines = linesOf(found.output);
    assert.deepEqual(
      lines.map(Object.keys),
      direct.map((row) => Object.keys(row as object)),
    );
    for (const [k, row] of direct.entries()) {
      assert.ok(Math.abs(lines[k].margin - (row as { margin: number }).margin) < 1e-4);
    }
    assert.deepEqual([found.rows, found.failed, found.accuracy], [labelledPairs.length, 0, summary.accuracy]);
    assert.ok(Math.abs(found.mean - summary.mean) < 1e-4);
    assert.deepEqual(progress.at(-1), [labelledPairs.length, labelledPairs.length]);
    assert.deepEqual(leftOvers(), []);
  });

  it('rows of every shape, and a sentence for each that has no score', async () => {
    const rows = [
      '\ufeff{"text":"The soup was good."}',
      '',
      '{"prompt":"The soup was","completion":" good and warm.","finished":false}',
      'not json',
      '{"prompt":"The soup was","response":" good and warm."}\r',
      '{"other":1}',
      '{"messages":[{"role":"user","content":"Soup?"},{"role":"assistant","content":"Yes."},{"role":"user","content":"Ok"}]}',
      `{"prompt":"p","chosen":"${' good'.repeat(300)}","rejected":"b"}`,
      '{"prompt":"The soup was","chosen":" good and warm.","rejected":" bad and cold."}',
    ];
    const found = await scoreFile(scorer, folder.write('mixed.ndjson', rows.join('\n')));
    const lines = linesOf(found.output);
    assert.deepEqual(
      lines.map((line) => Object.keys(line).join(' ')),
      [
        'row reward',
        'row reward',
        'row line error',
        'row reward',
        'row line error',
        'row reward',
        'row line error',
        'row chosen rejected margin',
      ],
    );
    assert.deepEqual(
      lines.map(({ row }) => row),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    assert.deepEqual([lines[2].line, lines[4].line, lines[6].line], [4, 6, 8]);
    assert.match(lines[2].error, /^This line is not valid JSON: "not json"\.$/);
    assert.match(lines[6].error, /^With its prompt it has/);
    assert.equal(lines[3].reward, lines[7].chosen);
    assert.deepEqual([found.rows, found.failed, found.accuracy], [8, 3, 1]);
  });

  it('a JSON file: its list, or its one object', async () => {
    const row = { prompt: 'The soup was', completion: ' good and warm.' };
    const list = await scoreFile(scorer, folder.write('list.json', JSON.stringify([row, 3, row])));
    assert.deepEqual(
      linesOf(list.output).map((line) => typeof line.reward),
      ['number', 'undefined', 'number'],
    );
    const one = await scoreFile(scorer, folder.write('one.json', JSON.stringify(row, null, 2)));
    assert.equal(linesOf(one.output).length, 1);
  });

  it('what cannot be scored at all is refused, and nothing is left', async () => {
    const refused = async (name: string, content: string | Uint8Array, pattern: RegExp) =>
      assert.rejects(scoreFile(scorer, folder.write(name, content)), (error) => {
        assert.match((error as Error).message, pattern);
        return error instanceof UserError;
      });
    await refused('empty.jsonl', '\n\n', /empty/);
    await refused('none.jsonl', '{"a":1}\n{"b":2}\n', /No row of .* can be scored; line 1: It has no text/);
    await refused('utf16.jsonl', new Uint8Array([0xff, 0xfe, 0x7b, 0]), /UTF-16/);
    await refused('bad.json', '{', /not valid JSON/);
    await assert.rejects(scoreFile(scorer, join(folder.path, 'absent.jsonl')), /there is no such file/);
    mkdirSync(join(folder.path, 'folder.jsonl'));
    await assert.rejects(scoreFile(scorer, join(folder.path, 'folder.jsonl')), /it is a folder/);
    assert.deepEqual(leftOvers(), []);
    assert.ok(!readdirSync(folder.path).includes('none.scores.jsonl'));
  });

  it('stopped: the file is as it was, and what was scored is not scored again', async () => {
    const rows = Array.from({ length: 1000 }, (_, k) =>
      JSON.stringify({ prompt: `Place ${k}`, completion: ' was nice.' }),
    );
    const file = folder.write('long.jsonl', rows.join('\n'));
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await assert.rejects(scoreFile(scorer, file, { signal: controller.signal, onProgress }), EngineStopped);
    assert.ok(!readdirSync(folder.path).includes('long.scores.jsonl'));
    assert.deepEqual(leftOvers(), []);
    const from = engine.scored.length;
    assert.equal((await scoreFile(scorer, file)).rows, 1000);
    assert.ok(engine.scored.slice(from).flat().length <= 1000 - 256);
  });

  it('a selection, with its prompt and without', async () => {
    const asked = { prompt: 'The soup was', completion: ' good and warm.' };
    assert.ok(Number.isFinite((await scoreText(scorer, 'Good and warm.')).reward));
    const [row] = await scorer.score([asked]);
    assert.deepEqual(await scoreText(scorer, asked.completion, asked), row);
    await assert.rejects(scoreText(scorer, ' \n'), /selection is empty/);
  });
});
