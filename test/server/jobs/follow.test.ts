import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../../../server/protocol/types.ts';
import { labelAll, longStages, quickStages, writeDemoProject } from '../../support/demoProject.ts';
import { builtCommandLine, builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('a training of another process', function () {
  this.timeout(180_000);
  const temporary = temporaryFolder();
  let program = '';
  let commands = '';
  let project = '';
  let here: ServerClient;
  before(async () => {
    program = builtServer();
    commands = builtCommandLine();
    project = writeDemoProject(join(temporary.path, 'project'), { stages: { ...quickStages, sft: longStages.sft } });
    here = await startServer({ program });
    assert.equal(await labelAll(here, project), 16);
  });
  after(() => here.close());

  const trains = (server: ServerClient, { id }: Job) =>
    server.tells('jobChanged', ({ job }) => job.id === id && job.progress?.what === 'training');
  const runNow = async () => (await here.call('listRuns', { project }))[0];
  /** The next time that the server tells of a run. */
  const changes = (run: string) => {
    const from = here.told.length;
    return here.tells('runChanged', (told) => told.run === run && here.told.indexOf(told as never) >= from);
  };

  it('in a second window is told, followed, and taken over when it was killed', async () => {
    const there = await startServer({ program });
    const job = await there.call('train', { project, stage: 'sft' });
    const run = job.run ?? '';
    await trains(there, job);
    const why = new RegExp(`under way in this project \\(run ${run}, process ${there.process.pid}; last sign of life`);
    await assert.rejects(here.call('train', { project, stage: 'reward' }), why);
    await assert.rejects(here.call('resumeRun', { project, run }), why);
    await assert.rejects(here.call('deleteRun', { project, run }), /is under way: stop it/);
    const { problems } = await here.call('forecastTraining', { project, stage: 'all' });
    assert.match(problems.join(), /under way in this project/);
    assert.deepEqual([(await runNow()).status, (await runNow()).runningIn], ['running', 'elsewhere']);
    let read = await here.call('readRun', { project, run });
    for (let k = 0; k < 3; k++) {
      await changes(run);
      const { nextMetric: fromMetric, nextSample: fromSample } = read;
      const more = await here.call('readRun', { project, run, fromMetric, fromSample });
      assert.ok(more.nextMetric >= fromMetric);
      read = more;
    }
    assert.ok(read.nextMetric > 0 && read.run.stages[0].step > 0);
    const times = here.told.filter((told) => told.name === 'runChanged').map(({ at }) => at);
    assert.ok(
      times.slice(1).every((at, k) => at - times[k] > 200),
      `told at ${times.map(Math.round)}`,
    );
    await there.kill();
    await here.tells('runChanged', (told) => told.run === run);
    const resumed = await here.call('resumeRun', { project, run });
    await trains(here, resumed);
    assert.deepEqual([(await runNow()).id, (await runNow()).runningIn], [run, 'here']);
    await here.call('stopJob', { job: resumed.id });
    assert.equal((await here.jobEnds(resumed)).status, 'paused');
  });

  interface Ended {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }

  function palate(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const env = { ...process.env, npm_lifecycle_event: undefined, PALATE_DEBUG: undefined };
    const child = spawn(process.execPath, [commands, ...args], {
      cwd: project,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text) => {
        out[name] += text;
      });
    }
    return { child, ended: once(child, 'close').then(([code]) => ({ code, ...out })) };
  }

  it('in a terminal is shown live, and goes on in the editor', async () => {
    const { child, ended } = palate('train', '--stage', 'sft', '--json');
    const step = new Promise((resolve) =>
      child.stdout?.on('data', (text) => /"step":2/.test(String(text)) && resolve(1)),
    );
    await step;
    const run = await runNow();
    assert.deepEqual([run.status, run.runningIn, run.title], ['running', 'elsewhere', 'Supervised fine-tuning']);
    await assert.rejects(here.call('train', { project, stage: 'all' }), new RegExp(`process ${child.pid}`));
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 130, stderr);
    const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    assert.deepEqual([summary.run, summary.status], [run.id, 'paused']);
    assert.match(stderr, new RegExp(`Stopped and saved\\. To go on: palate resume ${run.id}`));
    assert.ok(!existsSync(join(project, '.palate', 'training.lock')));
    const paused = await runNow();
    assert.deepEqual([paused.id, paused.status, paused.interrupted, paused.offered], [run.id, 'paused', false, true]);
    const job = await here.call('resumeRun', { project, run: run.id });
    await trains(here, job);
    const refused = await palate('resume', run.id).ended;
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /under way in this project/);
    await here.call('stopJob', { job: job.id });
    await here.jobEnds(job);
  });

  it('the commands of a project', async () => {
    const listed = await palate('runs', '--json').ended;
    const runs = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([runs[0].id, runs[0].status], [(await runNow()).id, 'paused']);
    assert.match(
      (await palate('runs').ended).stdout,
      /Supervised fine-tuning: paused\n {4}sft: running, \d+ of \d+ steps/,
    );
    const trained = await palate('train', '--stage', 'reward').ended;
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stdout, /^Done in [\d.]+ s: .*\n {2}reward: done/);
    const file = join(project, 'responses', 'all.jsonl');
    const scored = await palate('score', '--json', file).ended;
    assert.equal(scored.code, 0, scored.stderr);
    const rows = scored.stdout.trim().split('\n');
    assert.equal(rows.length, readFileSync(file, 'utf8').trim().split('\n').length + 1);
    assert.ok(Number.isFinite(JSON.parse(rows[0]).reward));
    assert.equal(JSON.parse(rows.at(-1) ?? '').output, join(project, 'responses', 'all.scores.jsonl'));
    const generated = await palate('generate', '--limit', '2').ended;
    assert.equal(generated.code, 0, generated.stderr);
    assert.match(generated.stdout, /responses? to 2 prompts in responses\//);
    const examined = await palate('doctor', '--json').ended;
    const { checks } = JSON.parse(examined.stdout);
    assert.deepEqual(
      checks.filter((check: { ok: boolean; optional?: boolean }) => !check.ok && !check.optional),
      [],
    );
    assert.equal(examined.code, 0);
  });

  it('outside a project they say so', async () => {
    const outside = spawn(process.execPath, [commands, 'train'], {
      cwd: temporary.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    outside.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    assert.deepEqual(await once(outside, 'close'), [1, null]);
    assert.match(stderr, /is in no Palate project: neither it nor a folder above has a palate\.json\.$/m);
  });
});
