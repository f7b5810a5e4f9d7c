import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeRunLock } from '../../../../server/engine/run/lock.ts';
import type { RunPlan } from '../../../../server/engine/run/plan.ts';
import { stageOrder, trainRun } from '../../../../server/engine/run/train.ts';
import type { EngineEvents, TrainParams } from '../../../../server/protocol/engine.ts';
import type { TrainSummary } from '../../../../server/protocol/types.ts';
import { type FakeConfig, fakePlan } from '../../../support/fakeStage.ts';
import { adapterHashes } from '../../../support/killResume.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

type Event = EngineEvents['train'];

describe('trainRun', () => {
  const temporary = temporaryFolder();
  let out = '';
  let count = 0;
  beforeEach(() => {
    out = join(temporary.path, `run-${count++}`);
    temporary.write('data.jsonl', '{"prompt":"p","chosen":"c","rejected":"r"}\n');
  });

  interface Sitting {
    readonly params?: Partial<TrainParams>;
    readonly config?: FakeConfig;
    readonly plan?: (plan: RunPlan) => RunPlan;
    /** Aborts when it answers true. */
    readonly stopAt?: (event: Event) => boolean;
  }

  async function sit({
    params = {},
    config = { steps: 4 },
    plan = (same) => same,
    stopAt = () => false,
  }: Sitting = {}) {
    const controller = new AbortController();
    const all: TrainParams = { stage: 'all', model: 'm', data: join(temporary.path, 'data.jsonl'), out, ...params };
    const stages = all.stage === 'all' ? stageOrder : [all.stage];
    const task = trainRun(all, async () => plan(fakePlan(stages, config)), { signal: controller.signal });
    const events: Event[] = [];
    for (;;) {
      const { done, value } = await task.next();
      if (done) return { summary: value as TrainSummary, events };
      events.push(value);
      if (stopAt(value)) controller.abort();
    }
  }

  const manifest = () => JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  /** Without the time, which is never the same twice. */
  const logLines = (run = out) =>
    readFileSync(join(run, 'metrics.jsonl'), 'utf8').replace(/,"seconds":[\d.]+/g, '') +
    readFileSync(join(run, 'samples.jsonl'), 'utf8');
  const atStep = (stage: string, step: number) => (event: Event) =>
    event.kind === 'metrics' && event.stage === stage && event.step === step && event.steps !== undefined;

  it('writes adapters, checkpoints, logs and a manifest that says how to repeat the run', async () => {
    const { summary, events } = await sit({ params: { seed: 7 } });
    assert.deepEqual(readdirSync(out).sort(), [
      'checkpoints',
      'manifest.json',
      'metrics.jsonl',
      'policy',
      'reward',
      'samples.jsonl',
      'sft',
    ]);
    assert.equal(summary.status, 'done');
    assert.deepEqual(summary.adapters, {
      sft: join(out, 'sft'),
      reward: join(out, 'reward'),
      policy: join(out, 'policy'),
    });
    assert.deepEqual(events.filter(({ kind }) => kind === 'stage').length, 6);
    const { format, status, versions, base, stages } = manifest();
    assert.deepEqual(
      { format, status, base },
      { format: 1, status: 'done', base: { path: '/models/fake', identity: 'fake' } },
    );
    assert.deepEqual(Object.keys(versions), ['palate', 'node', 'fake', 'platform']);
    for (const [index, record] of stages.entries()) {
      assert.deepEqual([record.stage, record.status, record.step, record.steps], [stageOrder[index], 'done', 4, 4]);
      assert.deepEqual([record.settings.seed, record.settings.threads, record.settings.config], [7, 1, { steps: 4 }]);
      assert.match(record.settings.data.sha256, /^[0-9a-f]{64}$/);
      assert.equal(typeof record.metrics.loss, 'number');
    }
    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.slice(0, 2).map(({ stage, step, ...rest }) => [stage, step, ...Object.keys(rest)]),
      [
        ['sft', 1, 'eval_loss', 'seconds'],
        ['sft', 1, 'loss', 'seconds'],
      ],
    );
    const times = lines.map(({ seconds }) => seconds);
    assert.ok(times.every((seconds) => seconds >= 0 && seconds < 60));
  });

  for (const [stage, step] of [
    ['sft', 1],
    ['reward', 3],
    ['ppo', 4],
  ] as const) {
    it(`stopped at ${stage}'s step ${step} it saves, and resumed ends with the same bytes and logs`, async () => {
      const whole = join(temporary.path, `whole-${stage}`);
      await sit({ params: { out: whole } });
      const { summary, events } = await sit({ stopAt: atStep(stage, step) });
      assert.equal(summary.status, 'paused');
      assert.equal(manifest().status, 'paused');
      assert.ok(events.some((event) => event.kind === 'checkpoint' && event.stage === stage && event.step === step));
      const { summary: resumed, events: later } = await sit({ params: { resume: true } });
      assert.equal(resumed.status, 'done');
      assert.ok(later.some((event) => event.kind === 'stage' && event.status === 'resumed' && event.step === step));
      assert.deepEqual(adapterHashes(out), adapterHashes(whole));
      assert.equal(logLines(), logLines(whole));
    });
  }

  it('stopped between two steps it saves the earlier one, and its logs are not doubled', async () => {
    const whole = join(temporary.path, 'whole-between');
    await sit({ params: { out: whole } });
    const { summary } = await sit({
      stopAt: (event) => event.kind === 'sample' && event.stage === 'reward' && event.step === 3,
    });
    assert.equal(summary.stages[1].step, 2);
    await sit({ params: { resume: true } });
    assert.deepEqual(adapterHashes(out), adapterHashes(whole));
    assert.equal(logLines(), logLines(whole));
  });

  it('stopped before the first step it resumes from the start', async () => {
    await sit({ stopAt: (event) => event.kind === 'sample' });
    const { events } = await sit({ params: { resume: true } });
    assert.ok(events.some((event) => event.kind === 'stage' && event.status === 'resumed' && event.step === 0));
    assert.equal(logLines().match(/"eval_loss"/g)?.length, 6);
  });

  it('goes on from the checkpoint before a broken one, and says so', async () => {
    await sit({ params: { checkpointSeconds: 0 }, stopAt: atStep('sft', 3) });
    rmSync(join(out, 'checkpoints', 'sft', 'step-00000003', 'arrays.bin'));
    const { events } = await sit({ params: { resume: true } });
    assert.ok(events.some((event) => event.kind === 'notice' && /step-00000003 is not whole/.test(event.message)));
    assert.ok(events.some((event) => event.kind === 'stage' && event.status === 'resumed' && event.step === 2));
    assert.equal(readFileSync(join(out, 'metrics.jsonl'), 'utf8').match(/"stage":"sft","step":3,"loss"/g)?.length, 1);
  });

  it('saves as often as it is told', async () => {
    const every = await sit({ params: { stage: 'sft', checkpointSeconds: 0 } });
    assert.equal(every.events.filter(({ kind }) => kind === 'checkpoint').length, 4);
    out += '-rarely';
    const once = await sit({ params: { stage: 'sft', checkpointSeconds: 60 } });
    assert.equal(once.events.filter(({ kind }) => kind === 'checkpoint').length, 1);
  });

  it('saves before the time is over when the next step would end after it', async () => {
    const { now } = performance;
    let clock = 0;
    performance.now = () => clock;
    const watch = (event: Event) => {
      if (event.kind === 'sample') clock += 110;
      return false;
    };
    try {
      const { events } = await sit({
        params: { stage: 'sft', checkpointSeconds: 0.3 },
        config: { steps: 6 },
        stopAt: watch,
      });
      const saved = events.filter((event) => event.kind === 'checkpoint').map((event) => event.step);
      // Steps end at 0.11 s, 0.22 s, 0.33 s …: after the second and the fourth the next would come too late.
      assert.deepEqual(saved, [2, 4, 6]);
    } finally {
      performance.now = now;
    }
  });

  it('runs stages one by one into one folder', async () => {
    await sit({ params: { stage: 'sft' } });
    await sit({ params: { stage: 'reward', seed: 3 } });
    await sit({ params: { stage: 'ppo' } });
    const whole = join(temporary.path, 'whole-single');
    await sit({ params: { out: whole } });
    assert.deepEqual(adapterHashes(out), adapterHashes(whole));
    assert.deepEqual(
      manifest().stages.map(({ settings }: { settings: { seed: number } }) => settings.seed),
      [0, 3, 0],
    );
    assert.equal(manifest().status, 'done');
  });

  it('a failed stage leaves a manifest that says why, and can be gone on with', async () => {
    await assert.rejects(
      sit({ params: { checkpointSeconds: 0 }, config: { steps: 4, failAfter: 2 } }),
      /The fake stage fails/,
    );
    assert.equal(manifest().status, 'failed');
    assert.equal(manifest().failure, 'The fake stage fails.');
    assert.ok(!existsSync(join(out, 'lock.json')));
    const plan = (bad: RunPlan): RunPlan => ({
      ...bad,
      stages: fakePlan(stageOrder, { steps: 4 }).stages.map((stage) => ({
        ...stage,
        config: { steps: 4, failAfter: 2 },
      })),
    });
    const { summary } = await sit({ params: { resume: true }, plan });
    assert.equal(summary.status, 'done');
    assert.equal(manifest().failure, undefined);
  });

  it('resuming a run that is done says so and changes nothing', async () => {
    await sit();
    const before = adapterHashes(out);
    const { summary, events } = await sit({ params: { resume: true } });
    assert.equal(summary.status, 'done');
    assert.ok(events.some((event) => event.kind === 'notice' && /already done/.test(event.message)));
    assert.deepEqual(adapterHashes(out), before);
  });

  describe('refuses', () => {
    const refused = (sitting: Sitting, message: RegExp) =>
      assert.rejects(
        sit(sitting),
        (error: Error) => error.name === 'UserError' && message.test(error.message),
        String(message),
      );

    it('a folder where another process trains', async () => {
      const lock = takeRunLock(out);
      await refused({}, /A training is under way/);
      assert.deepEqual(readdirSync(out), ['lock.json']);
      lock.release();
    });

    it('a folder that holds an interrupted run, without --resume', async () => {
      await sit({ stopAt: atStep('reward', 2) });
      await refused({}, /holds a run that is paused \(reward, step 2\)\. Add --resume/);
    });

    it('a folder that holds what it would write', async () => {
      await sit({ params: { stage: 'sft' } });
      await refused({ params: { stage: 'sft' } }, /sft is already there\. Choose another folder/);
      await refused({}, /sft is already there/);
    });

    it('--resume where there is nothing, leaving no folder behind', async () => {
      await refused({ params: { resume: true } }, /There is no run in .* to go on with/);
      assert.ok(!existsSync(out));
    });

    it('a data file that is not there', async () => {
      await refused({ params: { data: '/nowhere.jsonl' } }, /Cannot read the data file \/nowhere\.jsonl/);
      assert.ok(!existsSync(out));
    });

    const changes: [name: string, sitting: Sitting, message: RegExp][] = [
      ['another seed', { params: { seed: 1 } }, /sft seed: 0 in the run, 1 now/],
      [
        'another configuration',
        { config: { steps: 5, learningRate: 2 } },
        /config\.steps: 4 in the run, 5 now\n.*config\.learningRate: absent in the run, 2 now/,
      ],
      [
        'another model',
        { plan: (plan) => ({ ...plan, base: { path: '/other', identity: 'x' } }) },
        /model: \/models\/fake in the run, \/other with other content now/,
      ],
    ];
    for (const [name, sitting, message] of changes) {
      it(`to go on with ${name}, changing nothing`, async () => {
        await sit({ stopAt: atStep('sft', 2) });
        const before = readFileSync(join(out, 'manifest.json'), 'utf8');
        await refused({ ...sitting, params: { ...sitting.params, resume: true } }, message);
        assert.equal(readFileSync(join(out, 'manifest.json'), 'utf8'), before);
      });
    }

    it('to go on with other data', async () => {
      await sit({ stopAt: atStep('sft', 2) });
      temporary.write('data.jsonl', '{}\n');
      await refused(
        { params: { resume: true } },
        /data: .*with 43 bytes in the run, .* with 3 bytes and other content now/,
      );
    });

    it('a manifest of a newer format, and one that is none', async () => {
      await sit({ stopAt: atStep('sft', 2) });
      const path = join(out, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace('"format": 1', '"format": 2'));
      await refused({ params: { resume: true } }, /manifest\.json has format 2; .* up to 1\. Update Palate/);
      writeFileSync(path, '{"name": "app"}');
      await refused({}, /is not the manifest of a run/);
      writeFileSync(path, '{"format": 1, ');
      await refused({}, /cannot be read as a run's manifest/);
    });
  });

  it('says that the disk is full, and keeps what was saved', async () => {
    const full = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    await assert.rejects(
      sit({ plan: (plan) => ({ ...plan, writeAdapter: full }) }),
      /UserError: .* cannot be written: no space is left on the disk\. What was saved before is whole; --resume goes on/,
    );
    assert.equal(manifest().status, 'failed');
    const { events } = await sit({ params: { resume: true } });
    assert.ok(events.some((event) => event.kind === 'stage' && event.status === 'resumed' && event.step === 4));
  });

  it('another number of threads is told, not refused', async () => {
    await sit({ stopAt: atStep('sft', 2) });
    const { events } = await sit({ params: { resume: true }, plan: (plan) => ({ ...plan, threads: 2 }) });
    const isTold = (message: string) => /started with 1 threads and goes on with 2/.test(message);
    assert.ok(events.some((event) => event.kind === 'notice' && isTold(event.message)));
  });

  it('another engine is told, not refused', async () => {
    await sit({ stopAt: atStep('sft', 2) });
    const { events } = await sit({ params: { resume: true }, plan: (plan) => ({ ...plan, engine: 'tensorflow' }) });
    assert.ok(
      events.some(
        (event) =>
          event.kind === 'notice' &&
          /on the engine onnx and goes on with tensorflow: its last digits/.test(event.message),
      ),
    );
  });

  it('another precision is refused', async () => {
    await sit({ stopAt: atStep('sft', 2) });
    const resumed = sit({ params: { resume: true }, plan: (plan) => ({ ...plan, precision: 'int8-base' }) });
    await assert.rejects(resumed, /with something else:\n {2}sft precision: float32 in the run, int8-base now/);
  });

  it('a stale checkpoint of a run whose manifest was removed is not gone on with', async () => {
    await sit({ params: { checkpointSeconds: 0 }, stopAt: atStep('sft', 2) });
    rmSync(join(out, 'manifest.json'));
    const { events } = await sit();
    assert.ok(events.some((event) => event.kind === 'stage' && event.status === 'started' && event.stage === 'sft'));
  });
});
