import assert from 'node:assert/strict';
import { endOfJob } from '../../../../client/wording/jobMessages.ts';
import { isOffered, isResumable, progressText, runStatusText } from '../../../../client/wording/stages.ts';
import { statusText } from '../../../../client/wording/statusText.ts';
import { aJob, aRun, aStage } from './facts.ts';

describe('status bar', () => {
  const progress = { what: 'rollout', stage: 'ppo', done: 12, total: 50, secondsLeft: 185 } as const;

  it('says stage, step and time left, and a click opens the chart', () => {
    const { text, command } = statusText('running', [aJob({ progress })]);
    assert.equal(text, '$(sync~spin) PPO 12/50 · 3 min left');
    assert.equal(command, 'palate.showTraining');
  });

  it('says the device where that is not the CPU, the adapter in the tooltip', () => {
    const device = 'WebGPU (NVIDIA GeForce RTX 4070)';
    const { text, tooltip } = statusText('running', [aJob({ progress: { ...progress, device } })]);
    assert.equal(text, '$(sync~spin) PPO 12/50 · WebGPU · 3 min left');
    assert.match(tooltip, /on WebGPU \(NVIDIA GeForce RTX 4070\)/);
    assert.doesNotMatch(statusText('running', [aJob({ progress })]).tooltip, /^on /m);
  });

  it('training comes before what else runs, which is counted', () => {
    const other = aJob({ id: 'other', kind: 'generate', title: 'Generate responses', run: undefined });
    const { text, tooltip } = statusText('running', [other, aJob({ progress })]);
    assert.match(text, /PPO/);
    assert.match(tooltip, /and 1 more/);
  });

  it('what has ended is not shown', () => {
    for (const status of ['done', 'failed', 'paused', 'stopped'] as const) {
      assert.equal(statusText('running', [aJob({ status, progress })]).text, '$(graph-line) Palate');
    }
  });

  it('says that it saves while it stops, and that it waits', () => {
    assert.match(statusText('running', [aJob({ status: 'stopping', progress })]).text, /saving, then stopping/);
    assert.match(statusText('running', [aJob({ status: 'waiting' })]).text, /whole pipeline: waiting/);
  });

  it('a server that is down is said, whatever ran', () => {
    const { text, command, tooltip } = statusText('failed', [aJob({ progress })]);
    assert.match(text, /stopped/);
    assert.match(tooltip, /Restart Server/);
    assert.equal(command, 'palate.showLog');
    assert.match(statusText('restarting', []).tooltip, /starting/);
  });
});

describe('progress', () => {
  it('has a count where there is one', () => {
    assert.equal(progressText({ what: 'generating', done: 12, total: 60 }), 'generating 12/60');
    assert.equal(progressText({ what: 'loading the model', done: 0, total: 0 }), 'loading the model');
    assert.equal(progressText({ what: 'reading', done: 7, total: 0 }), 'reading 7');
    assert.equal(progressText({ what: 'step', stage: 'sft', done: 1, total: 2 }), 'SFT 1/2');
  });
});

describe('end of a job', () => {
  const running = aJob();

  it('is told once', () => {
    assert.equal(endOfJob(running, aJob()), undefined);
    assert.equal(endOfJob(undefined, aJob({ status: 'done' })), undefined);
    assert.equal(endOfJob(aJob({ status: 'done' }), aJob({ status: 'done' })), undefined);
  });

  it('of training offers to look, and says its last notice', () => {
    const told = endOfJob(running, aJob({ status: 'done', summary: 'reward +0.8', notices: ['Stopped early.'] }));
    assert.deepEqual(told?.actions, ['showTraining', 'compareBeforeAfter']);
    assert.equal(told?.message, 'reward +0.8 Stopped early.');
    assert.equal(endOfJob(running, aJob({ status: 'done' }))?.message, 'Train: whole pipeline is done.');
    const progress = { what: 'step', stage: 'reward', done: 5, total: 5 } as const;
    assert.deepEqual(endOfJob(running, aJob({ status: 'done', progress }))?.actions, ['showTraining']);
  });

  it('of training that failed says why and offers to resume', () => {
    const told = endOfJob(running, aJob({ status: 'failed', failure: 'The disk is full.' }));
    assert.equal(told?.level, 'error');
    assert.match(told?.message ?? '', /The disk is full\./);
    assert.ok(told?.actions.includes('resume'));
  });

  it('of training that was stopped says that it is saved', () => {
    const told = endOfJob(aJob({ status: 'stopping' }), aJob({ status: 'paused' }));
    assert.match(told?.message ?? '', /saved/);
    assert.ok(told?.actions.includes('resume'));
  });

  it('of generating leads to labelling; the outcome shows itself', () => {
    const generate = aJob({ kind: 'generate', run: undefined });
    assert.ok(endOfJob(generate, { ...generate, status: 'done', output: '/x' })?.actions.includes('label'));
    const outcome = aJob({ kind: 'outcome' });
    assert.equal(endOfJob(outcome, { ...outcome, status: 'done' }), undefined);
    assert.equal(endOfJob(outcome, { ...outcome, status: 'failed', failure: 'x' })?.level, 'error');
  });
});

describe('a run', () => {
  const stages = [
    aStage({ status: 'done', step: 10, steps: 10 }),
    aStage({ stage: 'ppo', status: 'running', step: 3 }),
  ];
  const paused = aRun({ status: 'paused', stages, offered: true });

  it('is gone on with where it stands still and is not done', () => {
    assert.ok(isResumable(paused));
    assert.ok(isResumable(aRun({ status: 'failed' })));
    assert.ok(isResumable(aRun({ status: 'running', stages })), 'left behind by a killed process');
    assert.ok(!isResumable(aRun()));
    assert.ok(!isResumable({ ...paused, runningIn: 'elsewhere' }));
    assert.ok(!isResumable({ ...paused, stages: [] }));
  });

  it('is offered unless it failed or was stopped on purpose', () => {
    assert.ok(isOffered(paused));
    assert.ok(!isOffered({ ...paused, offered: false }));
    assert.ok(!isOffered({ ...paused, status: 'failed' }));
  });

  it('says where it stands', () => {
    assert.equal(runStatusText(paused), 'paused at PPO, step 3');
    assert.equal(runStatusText({ ...paused, runningIn: 'elsewhere' }), 'running in another process: PPO, step 3');
    assert.equal(runStatusText(aRun()), 'done');
    assert.equal(runStatusText(aRun({ status: 'failed', failure: 'No\nspace.' })), 'failed: No space.');
    assert.equal(runStatusText(aRun({ status: 'paused', stages: [] })), 'not begun');
  });
});
