import assert from 'node:assert/strict';
import { UserError } from '../../../server/errors.ts';
import { EngineCrashed, EngineStopped } from '../../../server/jobs/engineProcess.ts';
import { type JobContext, type JobEnding, JobQueue, type NewJob } from '../../../server/jobs/jobQueue.ts';
import type { Job } from '../../../server/protocol/types.ts';

describe('the queue of jobs', () => {
  const job = (title: string, work: NewJob['work'], more: Partial<NewJob> = {}): NewJob => ({
    project: '/p',
    kind: 'generate',
    title,
    work,
    ...more,
  });
  const done = async (): Promise<JobEnding> => ({ status: 'done' });
  /** Works until it is stopped. */
  const endless = ({ signal }: JobContext) =>
    new Promise<JobEnding>((_, reject) => signal.addEventListener('abort', () => reject(new EngineStopped())));

  it('runs one after the other, and tells every change', async () => {
    const told: string[] = [];
    const queue = new JobQueue({ onChange: ({ title, status }) => told.push(`${title} ${status}`) });
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      return { status: 'done', summary: name } as const;
    };
    const [a, b] = ['a', 'b'].map((name) => queue.add(job(name, work(name))));
    assert.deepEqual([a.job.status, b.job.status], ['waiting', 'waiting']);
    assert.equal((await b.ended).summary, 'b');
    assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends']);
    assert.deepEqual(told, ['a waiting', 'b waiting', 'a running', 'a done', 'b running', 'b done']);
    assert.equal((await queue.add(job('later', done)).ended).status, 'done');
  });

  it('stops what waits at once, and what runs when it has saved', async () => {
    const queue = new JobQueue();
    const running = queue.add(job('running', endless));
    const waiting = queue.add(job('waiting', done));
    assert.equal(queue.stop(waiting.job.id), true);
    assert.equal((await waiting.ended).status, 'stopped');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(queue.stop(running.job.id), true);
    assert.equal(running.job.status, 'stopping');
    assert.equal((await running.ended).status, 'stopped');
    assert.equal(queue.stop(running.job.id), false);
    assert.equal(queue.stop('nothing'), false);
  });

  it('notes a pause before it is told, and lets go however a job ends', async () => {
    const events: string[] = [];
    const queue = new JobQueue({ onChange: ({ status }) => events.push(status) });
    const work = ({ signal }: JobContext) =>
      new Promise<JobEnding>((resolve) => signal.addEventListener('abort', () => resolve({ status: 'paused' })));
    const handle = queue.add(job('training', work, { ended: () => events.push('released') }));
    await new Promise((resolve) => setImmediate(resolve));
    queue.stop(handle.job.id, () => events.push('noted'));
    await handle.ended;
    assert.deepEqual(events, ['waiting', 'running', 'stopping', 'noted', 'released', 'paused']);
    const broken = queue.add(
      job('broken', () => Promise.reject(new Error('x')), { ended: () => events.push('released again') }),
    );
    await broken.ended;
    assert.ok(events.includes('released again'));
  });

  it('says in a sentence why a job failed, and reports what is no person’s mistake', async () => {
    const faults: unknown[] = [];
    const queue = new JobQueue({ onFault: (_, error) => faults.push(error) });
    const failing = (error: Error) => queue.add(job('Generate', () => Promise.reject(error))).ended;
    assert.equal((await failing(new UserError('There are no prompts.'))).failure, 'There are no prompts.');
    assert.equal((await failing(new EngineCrashed('It was killed.\nIts last lines:\n x'))).failure, 'It was killed.');
    assert.equal((await failing(new TypeError('oops'))).failure, 'Generate failed: oops');
    assert.deepEqual(
      faults.map((error) => (error as Error).name),
      ['TypeError'],
    );
  });

  it('forgets ended jobs after a while', async () => {
    let now = 0;
    const queue = new JobQueue({ now: () => now });
    await queue.add(job('old', done)).ended;
    now = 20 * 60_000;
    await queue.add(job('newer', done)).ended;
    const titles = () => queue.list().map(({ title }: Job) => title);
    assert.deepEqual(titles(), ['old', 'newer']);
    now = 31 * 60_000;
    assert.deepEqual(titles(), ['newer']);
    for (let k = 0; k < 60; k++) await queue.add(job(`${k}`, done)).ended;
    assert.equal(titles().length, 50);
  });

  it('closing stops everything and takes nothing more', async () => {
    const queue = new JobQueue();
    const handles = [queue.add(job('a', endless)), queue.add(job('b', endless))];
    await new Promise((resolve) => setImmediate(resolve));
    await queue.close();
    assert.deepEqual(
      handles.map((handle) => handle.job.status),
      ['stopped', 'stopped'],
    );
    assert.throws(() => queue.add(job('late', done)), /Palate is ending/);
  });
});
