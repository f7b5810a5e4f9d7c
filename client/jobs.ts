import * as vscode from 'vscode';
import type { Job } from '../server/protocol/types.ts';
import type { Server } from './connection/server.ts';
import { t } from './translate.ts';
import { actionTitle, endOfJob, type JobAction } from './wording/jobMessages.ts';
import { isLive, progressShare, progressText } from './wording/stages.ts';

/** What the server does for this window: kept up to date by what it tells. */
export class Jobs implements vscode.Disposable {
  readonly #server: Server;
  readonly #changed = new vscode.EventEmitter<Job>();
  readonly onDidChange = this.#changed.event;
  readonly #jobs = new Map<string, Job>();
  readonly #parts: vscode.Disposable[];

  constructor(server: Server) {
    this.#server = server;
    this.#parts = [
      this.#changed,
      server.on('jobChanged', ({ job }) => this.#take(job)),
      server.onDidChangeState((state) => {
        if (state === 'running') void this.#readAgain().catch(() => undefined);
      }),
    ];
  }

  get list(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  get live(): readonly Job[] {
    return this.list.filter(isLive);
  }

  /** An answer that says what was begun; a notification about it may have come before. */
  begun(job: Job): Job {
    if (!this.#jobs.has(job.id)) this.#take(job);
    return this.#jobs.get(job.id) ?? job;
  }

  /** Resolves with the job when it has ended. */
  ended(job: Job): Promise<Job> {
    const known = this.#jobs.get(job.id) ?? job;
    if (!isLive(known)) return Promise.resolve(known);
    return new Promise((resolve) => {
      const listening = this.onDidChange((changed) => {
        if (changed.id !== job.id || isLive(changed)) return;
        listening.dispose();
        resolve(changed);
      });
    });
  }

  /** Shows counts and a cancel button until it has ended. */
  async follow(job: Job): Promise<Job> {
    const options = { location: vscode.ProgressLocation.Notification, title: job.title, cancellable: true };
    return await vscode.window.withProgress(options, async (progress, token) => {
      let share = 0;
      const show = ({ id, progress: now, status }: Job) => {
        if (id !== job.id || !now) return;
        const next = progressShare(now) ?? share;
        const message = status === 'stopping' ? t('saving, then stopping') : progressText(now);
        progress.report({ message, increment: Math.max(0, (next - share) * 100) });
        share = next;
      };
      const listening = this.onDidChange(show);
      const cancelling = token.onCancellationRequested(() => {
        void this.#server.request('stopJob', { job: job.id }).catch(() => undefined);
      });
      try {
        show(job);
        return await this.ended(job);
      } finally {
        listening.dispose();
        cancelling.dispose();
      }
    });
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
  }

  /** @param before what was known of it; a job that is heard of for the first time has just begun, however short. */
  #take(job: Job, before: Job = this.#jobs.get(job.id) ?? { ...job, status: 'running' }): void {
    this.#jobs.set(job.id, job);
    this.#changed.fire(job);
    void vscode.commands.executeCommand('setContext', 'palate.jobRunning', this.live.length > 0);
    const message = endOfJob(before, job);
    if (message) void this.#tell(job, message);
  }

  /** After a start of the server: what it does not know any more has ended with it. */
  async #readAgain(): Promise<void> {
    const now = await this.#server.request('listJobs', {});
    const known = new Set(now.map(({ id }) => id));
    for (const job of this.live) {
      if (known.has(job.id)) continue;
      const failure = t('the server stopped in the middle of it; what was saved is kept');
      this.#take({ ...job, status: 'failed', failure });
    }
    for (const job of now) this.#take(job, this.#jobs.get(job.id) ?? job);
  }

  async #tell(job: Job, { level, message, actions }: NonNullable<ReturnType<typeof endOfJob>>): Promise<void> {
    const show = {
      info: vscode.window.showInformationMessage,
      warning: vscode.window.showWarningMessage,
      error: vscode.window.showErrorMessage,
    }[level];
    const items = actions.map((action) => ({ title: actionTitle(action), action }));
    const picked = await show<(typeof items)[number]>(message, ...items);
    if (picked) await act(job, picked.action);
  }
}

async function act(job: Job, action: JobAction): Promise<void> {
  const target = { ...(job.project !== undefined && { project: job.project }), ...(job.run && { run: job.run }) };
  if (action === 'openOutput') {
    if (job.output) await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(job.output));
    return;
  }
  await vscode.commands.executeCommand(`palate.${action}`, target);
}
