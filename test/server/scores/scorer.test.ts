import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../server/errors.ts';
import { EngineStopped } from '../../../server/jobs/engineProcess.ts';
import type { CompletionRow, ScoredText } from '../../../server/protocol/types.ts';
import { contentKey } from '../../../server/scores/contentKey.ts';
import { createScorer, type ScorerOptions } from '../../../server/scores/createScorer.ts';
import type { Scorer } from '../../../server/scores/scorer.ts';
import { recordingHost } from '../../support/engineHost.ts';
import { embedded, labelledPairs, labelledStore, trainReward } from '../../support/rewardProject.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the scorer', () => {
  const folder = temporaryFolder();
  const engine = recordingHost();
  const open: Scorer[] = [];
  let adapter = '';
  before(async () => {
    adapter = join(await trainReward(engine, folder.path, 'one'), 'reward');
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((scorer) => scorer.close()));
    engine.pretend = {};
  });
  after(() => engine.close());

  let projects = 0;
  /** A scorer of a project of its own, unless a folder is given. */
  function scorerIn(
    project = join(folder.path, `project ${++projects}`),
    options: Partial<ScorerOptions> = {},
  ): Scorer {
    mkdirSync(project, { recursive: true });
    const scorer = createScorer({
      // Nothing is labelled, so that nothing is scored but what is asked for.
      store: labelledStore(project, []),
      engineHost: engine,
      activeRewardModel: async () => ({ model: embedded, adapter }),
      ...options,
    });
    open.push(scorer);
    return scorer;
  }

  const rowsOf = (count: number, words = ' was nice') =>
    Array.from({ length: count }, (_, k): CompletionRow => ({ prompt: `Place ${k}`, completion: words }));
  const warm = { prompt: 'The soup was', completion: ' good and warm.' };
  const cold = { prompt: 'The soup was', completion: ' bad and cold.' };
  const rewards = (scores: readonly ScoredText[]) => scores.map(({ reward }) => reward);

  it('gives the rewards that the engine gives', async () => {
    const scorer = scorerIn();
    const rows = [warm, cold, { prompt: [{ role: 'user', content: 'Soup?' }], completion: 'Yes.', finished: false }];
    const found = await scorer.score(rows);
    const direct: number[] = [];
    await engine.call(
      'score',
      { model: embedded, adapter, source: { rows } },
      { onEvent: (event) => event.kind === 'row' && 'reward' in event.row && direct.push(event.row.reward) },
    );
    for (const [k, reward] of rewards(found).entries()) assert.ok(Math.abs(reward - direct[k]) < 1e-4);
    assert.ok(found[0].reward > found[1].reward + 1, 'it has learnt what is warm');
  });

  it('scores a text once: the second time, and after a restart, without the engine', async () => {
    const project = join(folder.path, 'restarted');
    const first = scorerIn(project);
    const found = await first.score([warm, cold, warm]);
    assert.deepEqual(found[0], found[2]);
    await first.close();
    const calls = engine.scored.length;
    const second = scorerIn(project);
    assert.deepEqual(rewards((await second.cached([cold, warm])) as ScoredText[]), rewards([found[1], found[0]]));
    assert.deepEqual(rewards(await second.score([warm, cold])), rewards(found.slice(0, 2)));
    assert.equal(await second.cached([{ ...warm, finished: false }]).then(([score]) => score), undefined);
    assert.equal(engine.scored.length, calls);
  });

  it('takes torn and foreign lines of the cache for what they are', async () => {
    const project = join(folder.path, 'torn');
    const first = scorerIn(project);
    await first.score([warm]);
    await first.close();
    const cache = join(project, '.palate', 'cache', 'scores');
    const [name] = readdirSync(cache);
    appendFileSync(join(cache, name), '{"v":2,"k":"x","r":1}\nnonsense\n{"v":1,"k":"half');
    const second = scorerIn(project);
    const known = (await second.cached([warm]))[0];
    await second.score([cold]);
    await second.close();
    const third = scorerIn(project);
    assert.ok(known !== undefined);
    assert.deepEqual(
      (await third.cached([warm, cold])).map((score) => score !== undefined),
      [true, true],
    );
  });

  it('another reward model has other scores, and the first one finds its own again', async () => {
    const project = join(folder.path, 'changed');
    const other = join(await trainReward(engine, folder.path, 'two', { seed: 7, epochs: 1 }), 'reward');
    let active = adapter;
    const scorer = scorerIn(project, { activeRewardModel: async () => ({ model: embedded, adapter: active }) });
    const before = await scorer.score([warm]);
    const told: string[] = [];
    scorer.onChange((what) => told.push(what));
    active = other;
    scorer.rewardModelChanged();
    assert.deepEqual(told, ['rewardModel']);
    assert.deepEqual(await scorer.cached([warm]), [undefined]);
    const after = await scorer.score([warm]);
    assert.notEqual(after[0].reward, before[0].reward);
    active = adapter;
    scorer.rewardModelChanged();
    assert.equal((await scorer.cached([warm]))[0]?.reward, before[0].reward);
    await scorer.close();
    assert.equal(readdirSync(join(project, '.palate', 'cache', 'scores')).length, 2);
  });

  it('a row that is too long gets a sentence, and costs the others nothing', async () => {
    const scorer = scorerIn();
    const long = { prompt: 'The soup was', completion: ' good'.repeat(400) };
    const rows = [warm, long, cold, { ...long, prompt: 'Tea was' }, ...rowsOf(20)];
    const found = await scorer.scoreEach(rows);
    assert.deepEqual(
      found.map((score) => 'error' in score),
      rows.map((row) => row.completion === long.completion),
    );
    assert.match(
      (found[1] as { error: string }).error,
      /^With its prompt it has \d+ tokens; the model reads at most 256/,
    );
    const calls = engine.scored.length;
    assert.deepEqual(await scorer.lookup([contentKey(long)]), [found[1]]);
    await scorer.scoreEach(rows);
    assert.equal(engine.scored.length, calls, 'that it is too long is known by now');
    await assert.rejects(scorer.score(rows), (error) => error instanceof UserError && /^Row 2: /.test(error.message));
  });

  it('what is wrong with the reward model is said once, not row by row', async () => {
    const base = join(folder.path, 'notThere', 'adapter');
    mkdirSync(base, { recursive: true });
    folder.write('notThere/adapter/adapter_config.json', '{}');
    const scorer = scorerIn(undefined, { activeRewardModel: async () => ({ model: embedded, adapter: base }) });
    const calls = engine.scored.length;
    await assert.rejects(scorer.scoreEach(rowsOf(200)), UserError);
    assert.ok(engine.scored.length - calls < 30, `${engine.scored.length - calls} calls`);
  });

  it('without a reward model: nothing is known, and a sentence', async () => {
    const scorer = scorerIn(undefined, { activeRewardModel: async () => undefined });
    assert.equal(await scorer.rewardModel(), undefined);
    assert.deepEqual(await scorer.cached([warm]), [undefined]);
    assert.equal(await scorer.mayScoreUnasked(), false);
    await assert.rejects(scorer.score([warm]), /no reward model yet.*Train/);
  });

  it('serves what is visible before what was asked earlier, newest first, and stops what is cancelled', async () => {
    const scorer = scorerIn();
    const order: string[] = [];
    const ended = (name: string) => () => void order.push(name);
    const controller = new AbortController();
    const dropped = scorer.scoreEach(rowsOf(400, ' is dropped'), { signal: controller.signal });
    const refused = assert.rejects(dropped, EngineStopped);
    const idle = scorer.scoreEach(rowsOf(300, ' is idle'), { urgency: 'idle' }).then(ended('idle'));
    const asked = scorer.scoreEach(rowsOf(300, ' is asked'), { onProgress: () => controller.abort() });
    const older = scorer.scoreEach(rowsOf(40, ' is older'), { urgency: 'visible' }).then(ended('older'));
    const newer = scorer.scoreEach(rowsOf(40, ' is newer'), { urgency: 'visible' }).then(ended('newer'));
    const calls = engine.scored.length;
    await Promise.all([idle, asked.then(ended('asked')), older, newer, refused]);
    assert.deepEqual(order, ['newer', 'older', 'asked', 'idle']);
    const droppedRows = engine.scored
      .slice(calls)
      .flat()
      .filter(({ completion }) => completion === ' is dropped');
    assert.ok(droppedRows.length === 0, `${droppedRows.length} rows for nobody`);
  });

  it('computes small batches while the engine trains', async () => {
    const scorer = scorerIn();
    engine.pretend.busy = true;
    const first = engine.scored.length;
    await scorer.scoreEach(rowsOf(600, ' was nice and very calm'));
    const small = engine.scored
      .slice(first)
      .map((rows) => rows.reduce((sum, row) => sum + row.prompt.length + row.completion.length, 0));
    assert.ok(small.length >= 5 && Math.max(...small) <= 3000, String(small));
  });

  it('percentiles among the labelled responses, and the spread of their margins', async () => {
    const scorer = scorerIn(undefined, { store: labelledStore(folder.path) });
    const [first] = await scorer.score([warm]);
    assert.equal(first.percentile, undefined, 'they are scored after what was asked for');
    await new Promise<void>((resolve) => {
      const end = scorer.onChange(() => {
        void scorer.labelled().then(({ responses }) => {
          if (responses < 2 * labelledPairs.length) return;
          end();
          resolve();
        });
      });
    });
    const [best, worst] = await scorer.score([warm, cold]);
    assert.ok(best.percentile! >= 0.45 && worst.percentile! < 0.5, `${best.percentile}, ${worst.percentile}`);
    const { marginDeviation } = await scorer.labelled();
    assert.ok(marginDeviation! > 0 && marginDeviation! < 3);
  });

  it('loads nothing unasked but a small model, and takes no base from under training', async () => {
    const scorer = scorerIn();
    engine.pretend = { holds: false, busy: false };
    assert.equal(await scorer.mayScoreUnasked(), true, 'the embedded model is small');
    engine.pretend.busy = true;
    assert.equal(await scorer.mayScoreUnasked(), false, 'something else trains');
    engine.pretend.holds = true;
    assert.equal(await scorer.mayScoreUnasked(), true);
    engine.pretend = { holds: false, busy: false };
    const large = join(folder.path, 'large.gguf');
    folder.write('large.gguf', '');
    truncateSync(large, 65 * 2 ** 20);
    const other = scorerIn(undefined, { activeRewardModel: async () => ({ model: large, adapter }) });
    assert.equal(await other.mayScoreUnasked(), false);
    engine.pretend.holds = true;
    assert.equal(await other.mayScoreUnasked(), true);
  });

  it('a killed engine fails the request, holds back for a while, and answers who asks', async () => {
    const scorer = scorerIn();
    const failed = assert.rejects(scorer.scoreEach(rowsOf(3000, ' goes down')), /killed/);
    engine.kill();
    await failed;
    assert.equal(await scorer.mayScoreUnasked(), false);
    assert.equal((await scorer.score([warm])).length, 1);
  });

  it('a cache that cannot be written is said once, and scores are given', async () => {
    const project = join(folder.path, 'blocked');
    mkdirSync(project);
    folder.write('blocked/.palate', 'a file where a folder should be');
    const log: string[] = [];
    const scorer = scorerIn(project, { log: (message) => log.push(message) });
    await scorer.score([warm]);
    await scorer.close();
    assert.equal(log.length, 1);
    assert.match(log[0], /memory only/);
    assert.equal(readFileSync(join(project, '.palate'), 'utf8').length, 31);
  });
});
