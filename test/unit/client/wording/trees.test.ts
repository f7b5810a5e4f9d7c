import assert from 'node:assert/strict';
import { isChoosable, modelRows, queueRows, runRows } from '../../../../client/wording/trees.ts';
import type { CompareQueue, Comparison, ProjectInfo, ProjectModel } from '../../../../server/protocol/types.ts';
import { aRun, aStage } from './facts.ts';

const project: ProjectInfo = {
  folder: '/p',
  name: 'p',
  model: 'embedded',
  engine: 'onnx',
  problems: [],
  newer: false,
  counts: {
    prompts: 2,
    textResponses: 4,
    imageResponses: 0,
    annotators: [
      { name: 'ada', decisions: 3 },
      { name: 'ben', decisions: 0 },
    ],
    textPreferences: 3,
    imagePreferences: 0,
  },
};

const comparison = (id: string, prompt: string, modality: 'text' | 'image' = 'text'): Comparison => ({
  id,
  prompt: { id: `id of ${prompt}`, content: prompt },
  modality,
  shown: [
    { id: 'a', parts: [], finished: true },
    { id: 'b', parts: [], finished: true },
  ],
});

const queue = (comparisons: Comparison[], remaining: number): CompareQueue => ({
  comparisons,
  progress: {
    decided: 3,
    skipped: 1,
    remaining,
    textPreferences: 3,
    imagePreferences: 0,
    canUndo: true,
    canRedo: false,
  },
  settings: { scale: 4, aspects: [], guidelines: '' },
});

describe('view of the queue', () => {
  it('groups pairs by prompt, undecided apart from decided, with counts', () => {
    const pairs = [comparison('1', 'one'), comparison('2', 'one'), comparison('3', 'two', 'image')];
    const [undecided, decided] = queueRows(project, queue(pairs, 3), 'ada');
    assert.deepEqual(
      undecided?.children?.map(({ label, description, icon }) => [label, description, icon]),
      [
        ['one', '2 pairs', 'comment'],
        ['two', undefined, 'file-media'],
      ],
    );
    assert.equal(undecided?.description, '3');
    assert.equal(decided?.description, '3, 1 skipped');
    assert.deepEqual(
      decided?.children?.map(({ label, description }) => [label, description]),
      [['ada (you)', '3']],
    );
  });

  it('a click begins with the first pair of its prompt', () => {
    const [undecided] = queueRows(project, queue([comparison('7', 'one')], 1), 'ada');
    assert.deepEqual(undecided?.children?.[0]?.click, {
      command: 'palate.label',
      arguments: [{ project: '/p', comparison: '7' }],
    });
  });

  it('what is not listed is counted', () => {
    const [undecided] = queueRows(project, queue([comparison('1', 'one')], 500), 'ada');
    assert.equal(undecided?.children?.at(-1)?.label, '499 more comparisons');
  });

  it('ids are distinct, also where a prompt has strange characters', () => {
    const pairs = ['', '\u202Eevil', '<b>', 'x'.repeat(100_000)].map((prompt, index) =>
      comparison(String(index), prompt),
    );
    const rows = queueRows(project, queue(pairs, 4), 'ada').flatMap((row) => [row, ...(row.children ?? [])]);
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
    assert.ok(rows.every(({ label }) => label.length > 0 && label.length <= 80));
  });
});

describe('view of the runs', () => {
  const ppo = aStage({
    stage: 'ppo',
    status: 'running',
    step: 3,
    steps: 20,
    metrics: { 'objective/kl': 0.123456, x: null },
  });

  it('is newest first, with stages and what can be done', () => {
    const runs = [
      aRun({ id: 'old', createdAt: '2026-01-01' }),
      aRun({ id: 'live', createdAt: '2026-01-03', status: 'running', runningIn: 'here', stages: [ppo] }),
      aRun({ id: 'far', createdAt: '2026-01-02', status: 'running', runningIn: 'elsewhere', stages: [ppo] }),
      aRun({ id: 'paused', createdAt: '2026-01-04', status: 'paused', stages: [ppo] }),
      aRun({ id: 'bad', createdAt: '2026-01-05', status: 'failed', failure: 'No space.' }),
    ];
    assert.deepEqual(
      runRows('/p', runs).map(({ target, context }) => [target?.run, context]),
      [
        ['bad', 'run.failed'],
        ['paused', 'run.paused'],
        ['live', 'run.running'],
        ['far', 'run.elsewhere'],
        ['old', 'run.done'],
      ],
    );
    const live = runRows('/p', runs).find(({ target }) => target?.run === 'live');
    assert.equal(live?.children?.[0]?.description, '3/20');
    assert.equal(live?.children?.[0]?.tooltip, 'objective/kl: 0.1235\nx: –');
    assert.equal(live?.children?.[0]?.icon, 'sync~spin');
  });

  it('a stage does not spin where its process is gone', () => {
    const [run] = runRows('/p', [aRun({ status: 'paused', stages: [ppo] })]);
    assert.equal(run?.children?.[0]?.icon, 'circle-large-outline');
  });
});

describe('view of the models', () => {
  const model = (change: Partial<ProjectModel>): ProjectModel => ({
    id: 'one/reward',
    kind: 'reward',
    path: '/p/x',
    active: false,
    ...change,
  });

  it('marks the one in use; only another usable one can be chosen', () => {
    const rows = modelRows('/p', [
      model({}),
      model({ id: 'two/reward', active: true }),
      model({ id: 'three/reward', problem: 'Of another base.' }),
      model({ id: 'four/sft', kind: 'sft' }),
      model({ id: 'embedded', kind: 'base' }),
    ]);
    assert.deepEqual(
      rows.map(({ context, icon }) => [context, icon]),
      [
        ['model.usable', 'circle-outline'],
        ['model', 'check'],
        ['model', 'warning'],
        ['model', 'circle-outline'],
        ['model.usable', 'package'],
      ],
    );
    assert.match(rows[1]?.description ?? '', /in use/);
    assert.match(rows[2]?.tooltip ?? '', /Of another base/);
  });

  it('SFT is a stage on the way', () => {
    assert.ok(!isChoosable(model({ kind: 'sft' })));
    assert.ok(isChoosable(model({ kind: 'policy' })));
  });
});
