import type { Job, RunSummary } from '../../server/protocol/types.ts';
import { duration } from '../common/duration.ts';
import { button, element, fill } from '../common/elements.ts';
import { visibleText } from '../common/text/invisible.ts';
import { nameOf } from './curves.ts';
import { stageTitles } from './metrics.ts';

export type Action = 'stop' | 'resume' | 'train' | 'outcome' | 'openFolder' | 'delete';

export interface HeaderOptions {
  readonly choose: (run: string) => void;
  readonly act: (action: Action) => void;
}

/** Which run, how it is, how far it is, and what can be done with it. */
export class Header {
  readonly root = element('header', { class: 'head' });
  readonly #options: HeaderOptions;
  readonly #runs = element('select', {
    set: { id: 'run', onchange: () => this.#options.choose(this.#runs.value) },
  });
  readonly #status = element('p', { class: 'status' });
  readonly #stages = element('ol', { class: 'stages', attributes: { 'aria-label': 'Stages' } });
  readonly #notices = element('ul', { class: 'notices', attributes: { 'aria-label': 'Notices' } });
  readonly #actions = element('div', { class: 'row actions' });
  #buttons = '';

  constructor(options: HeaderOptions) {
    this.#options = options;
    this.root.append(
      element(
        'div',
        { class: 'row' },
        element('span', { class: 'control run' }, element('label', { attributes: { for: 'run' } }, 'Run'), this.#runs),
        element('span', { class: 'spring' }),
        this.#actions,
      ),
      this.#status,
      this.#stages,
      this.#notices,
    );
  }

  show(runs: readonly RunSummary[], run: RunSummary, job: Job | undefined): void {
    this.#showRuns(runs, run);
    const { text, kind } = statusOf(run, job);
    this.#status.textContent = visibleText(text);
    this.#status.dataset.kind = kind;
    fill(this.#stages, ...run.stages.map((stage) => stageItem(stage, run, job)));
    const notices = job?.notices ?? [];
    if (this.#notices.children.length !== notices.length) {
      fill(this.#notices, ...notices.map((notice) => element('li', {}, visibleText(notice))));
    }
    this.#notices.hidden = notices.length === 0;
    this.#showActions(run, job);
  }

  #showRuns(runs: readonly RunSummary[], run: RunSummary): void {
    const options = runs.some(({ id }) => id === run.id) ? runs : [run, ...runs];
    const wanted = options.map((option) => `${option.id}\n${optionText(option)}`).join('\n');
    if (this.#runs.dataset.runs !== wanted) {
      this.#runs.dataset.runs = wanted;
      fill(
        this.#runs,
        ...options.map((option) => element('option', { set: { value: option.id } }, optionText(option))),
      );
    }
    this.#runs.value = run.id;
  }

  /** Drawn only when they change: a button that is pressed must not be replaced under the finger. */
  #showActions(run: RunSummary, job: Job | undefined): void {
    const isHere = run.runningIn === 'here';
    const isFree = run.runningIn === 'nowhere';
    const canResume = isFree && run.status !== 'done';
    const isStopping = job?.status === 'stopping';
    const state = [run.id, isHere, isFree, canResume, isStopping].join();
    if (state === this.#buttons) return;
    this.#buttons = state;
    const act = (action: Action) => () => this.#options.act(action);
    const stop = button(isStopping ? 'Stopping…' : 'Stop', act('stop'), {
      look: 'primary',
      title: 'Saves the run, then stops it; it can be resumed',
    });
    stop.disabled = isStopping;
    fill(
      this.#actions,
      isHere && stop,
      canResume && button('Resume', act('resume'), { look: 'primary' }),
      isFree && button('Train…', act('train'), { look: run.status === 'done' ? 'primary' : 'secondary' }),
      button('Open folder', act('openFolder')),
      isFree && button('Delete…', act('delete')),
    );
  }
}

const optionText = (run: RunSummary) => `${nameOf(run)} · ${stateName(run)}`;

function stateName({ status, runningIn, interrupted }: RunSummary): string {
  if (status === 'paused' && interrupted) return 'interrupted';
  return status === 'running' && runningIn === 'nowhere' ? 'interrupted' : status;
}

interface Status {
  readonly text: string;
  readonly kind: 'running' | 'resting' | 'done' | 'failed';
}

/** One sentence about the run. */
export function statusOf(run: RunSummary, job: Job | undefined): Status {
  const { status, runningIn, failure } = run;
  if (job?.status === 'stopping' && runningIn === 'here') return { text: 'Saving, then stopping.', kind: 'running' };
  if (runningIn === 'elsewhere') {
    return { text: 'Running in another window or a terminal; it can be stopped there.', kind: 'running' };
  }
  if (runningIn === 'here' && job?.status === 'waiting') {
    return { text: 'Waits until what is under way has ended.', kind: 'resting' };
  }
  if (runningIn === 'here') {
    const { what, secondsLeft } = job?.progress ?? {};
    const left = secondsLeft === undefined ? '' : ` About ${duration(Math.max(0, secondsLeft))} left.`;
    return { text: `Running${what ? `: ${what}` : ''}.${left}`, kind: 'running' };
  }
  if (status === 'failed') return { text: `Failed. ${failure ?? 'No reason was written down.'}`, kind: 'failed' };
  if (status === 'done') return { text: `Done after ${duration(secondsOf(run))} of work.`, kind: 'done' };
  if (status === 'paused' && !run.interrupted)
    return { text: 'Paused: it is saved and can be resumed.', kind: 'resting' };
  return { text: 'Interrupted: it can be resumed from its last checkpoint.', kind: 'resting' };
}

const secondsOf = ({ stages }: RunSummary) => stages.reduce((sum, { seconds }) => sum + seconds, 0);

function stageItem(record: RunSummary['stages'][number], run: RunSummary, job: Job | undefined): HTMLElement {
  const { stage, status, steps, seconds } = record;
  // The manifest is written at checkpoints; the job knows the newest step.
  const live = run.runningIn === 'here' && job?.progress?.stage === stage ? job.progress : undefined;
  const step = status === 'running' ? Math.max(record.step, stepOf(live)) : record.step;
  const total = steps || live?.total || 0;
  const bar = element('progress', { attributes: { 'aria-label': `${stageTitles[stage]}, steps` }, set: { max: 1 } });
  if (status === 'done') bar.value = 1;
  else if (total > 0) bar.value = Math.min(1, step / total);
  else if (status === 'waiting' || run.runningIn === 'nowhere') bar.value = 0;
  const told: Record<typeof status, string> = {
    waiting: 'waiting',
    running: total > 0 ? `step ${step} of ${total}` : 'starting',
    done: `done, ${step} steps, ${duration(seconds)}`,
  };
  return element(
    'li',
    { attributes: { 'data-stage': stage, 'data-status': status } },
    element('span', { class: 'stage-name' }, stageTitles[stage]),
    bar,
    element('span', { class: 'faint' }, told[status]),
  );
}

const stepOf = (progress: Job['progress']) => progress?.done ?? 0;
