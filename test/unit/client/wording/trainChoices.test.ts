import assert from 'node:assert/strict';
import {
  engineRows,
  precisionRows,
  type ReviewAction,
  reviewRows,
  runRows,
  runToContinue,
  stageRows,
  type TrainChoice,
  trainRequest,
} from '../../../../client/wording/trainChoices.ts';
import type { RunSummary } from '../../../../server/protocol/types.ts';
import { aForecast, aRun, aStage } from './facts.ts';

describe('what to train', () => {
  const withStages = (id: string, createdAt: string, ...stages: RunSummary['stages'][number][]): RunSummary =>
    aRun({ id, createdAt, stages });
  const done = (stage: 'sft' | 'reward' | 'ppo') => aStage({ stage, status: 'done', step: 5, steps: 5 });
  const actions = (rows: readonly { value: ReviewAction }[]) => rows.map(({ value }) => value);

  it('begins with the whole pipeline', () => {
    assert.deepEqual(
      stageRows().map(({ value }) => value),
      ['all', 'sft', 'reward', 'ppo'],
    );
  });

  it('starts with what is first: Enter is enough', () => {
    const [first] = reviewRows({ stage: 'all' }, aForecast(), []);
    assert.equal(first?.value, 'start');
    assert.match(first?.description ?? '', /12 preferences/);
    assert.match(first?.detail ?? '', /800 MB.*12\.0 GB/);
  });

  it('cannot be started where there is a problem, and offers to label', () => {
    const rows = reviewRows({ stage: 'all' }, aForecast({ problems: ['Too few.', 'No model.'] }), []);
    assert.ok(!actions(rows).includes('start'));
    assert.ok(actions(rows).includes('label'));
    assert.deepEqual(
      rows.filter(({ detail }) => detail).map(({ detail }) => detail),
      ['Too few.', 'No model.'],
    );
  });

  it('counts what is kept about pictures and says that it trains on text', () => {
    const text = (imagePreferences: number) =>
      reviewRows({ stage: 'all' }, aForecast({ imagePreferences }), [])
        .map(({ label }) => label)
        .join('\n');
    assert.match(text(4), /4 preferences about pictures are kept, but this version trains on text only/);
    assert.match(text(1), /1 preference about pictures is kept/);
    assert.doesNotMatch(text(0), /pictures/);
  });

  it('warns where memory is short', () => {
    const memory = { needed: 2e10, available: 1e9 };
    assert.match(reviewRows({ stage: 'all' }, aForecast({ memory }), [])[0]?.detail ?? '', /warning/);
  });

  it('PPO goes on in the newest run with a reward model, the reward model in one with SFT', () => {
    const runs = [
      withStages('old', '2026-01-01', done('sft'), done('reward')),
      withStages('new', '2026-01-02', done('sft'), done('reward')),
      withStages('whole', '2026-01-03', done('sft'), done('reward'), done('ppo')),
      withStages('only sft', '2026-01-04', done('sft')),
    ];
    assert.equal(runToContinue('ppo', runs)?.id, 'new');
    assert.equal(runToContinue('reward', runs)?.id, 'only sft');
    assert.equal(runToContinue('all', runs), undefined);
    assert.equal(runToContinue('sft', runs), undefined);
    assert.equal(runToContinue('ppo', []), undefined);
    const busy = runs.map((run) => ({ ...run, runningIn: 'here' as const }));
    assert.equal(runToContinue('ppo', busy), undefined);
  });

  it('shows which run it goes on in, and that it may be a new one', () => {
    const runs = [withStages('one', '2026-01-01', done('sft'))];
    assert.ok(actions(reviewRows({ stage: 'reward', run: 'one' }, aForecast(), runs)).includes('run'));
    assert.ok(!actions(reviewRows({ stage: 'all' }, aForecast(), runs)).includes('run'));
    assert.deepEqual(
      runRows({ stage: 'reward' }, runs).map(({ value }) => value),
      ['one', undefined],
    );
  });

  it('an engine that is not ready says so', () => {
    const [onnx, tensorflow] = engineRows(aForecast());
    assert.match(onnx?.label ?? '', /check.*ONNX/);
    assert.match(tensorflow?.label ?? '', /circle-slash.*TensorFlow/);
    assert.equal(tensorflow?.detail, 'not set up');
  });

  it('a precision is said, can be changed, and each is explained', () => {
    const label = (choice: TrainChoice) =>
      reviewRows(choice, aForecast(), []).find(({ value }) => value === 'precision')?.label;
    assert.match(label({ stage: 'sft' }) ?? '', /float32/);
    assert.match(label({ stage: 'sft', precision: 'int8-base' }) ?? '', /int8/);
    const [exact, bytes] = precisionRows(aForecast({ precision: 'int8-base' }));
    assert.deepEqual([exact?.value, bytes?.value], ['float32', 'int8-base']);
    assert.deepEqual([exact?.description, bytes?.description], [undefined, 'default']);
    assert.match(bytes?.detail ?? '', /about 1 % off.*CPU only/);
    assert.deepEqual(trainRequest('/p', { stage: 'sft', precision: 'int8-base' }), {
      project: '/p',
      stage: 'sft',
      precision: 'int8-base',
    });
  });

  it('asks the server only for what was chosen', () => {
    assert.deepEqual(trainRequest('/p', { stage: 'sft' }), { project: '/p', stage: 'sft' });
    assert.deepEqual(trainRequest('/p', { stage: 'ppo', run: 'one', engine: 'onnx', device: 'cpu' }), {
      project: '/p',
      stage: 'ppo',
      run: 'one',
      engine: 'onnx',
      device: 'cpu',
    });
  });
});
