import './style.css';
import type { Job, Outcome, RunSummary } from '../../server/protocol/types.ts';
import { button, element, fill } from '../common/elements.ts';
import { connectHost } from '../common/host.ts';
import { liveRegion } from '../common/live.ts';
import { visibleText } from '../common/text/invisible.ts';
import type { TrainingHostMethods, TrainingPageMethods } from '../protocol/training.ts';
import { onThemeChange } from './colours.ts';
import { Curves } from './curves.ts';
import { type Action, Header } from './header.ts';
import { type KnownHistory, wentOn } from './history.ts';
import { Outcomes } from './outcome.ts';
import { RunReader } from './runReader.ts';
import { Samples } from './samples.ts';
import { type PanelState, readState, type TabName } from './state.ts';
import { createTabs } from './tabs.ts';

const page = document.getElementById('page') as HTMLElement;
const live = liveRegion();
const host = connectHost<TrainingHostMethods, TrainingPageMethods, PanelState>({
  runs({ runs: next }) {
    for (const reader of [shown, compared]) {
      const [before, now] = [runs, next].map((list) => list.find(({ id }) => id === reader?.run));
      if (before && now && wentOn(before, now)) reader?.restart();
    }
    runs = next;
    afterRuns();
    return null;
  },
  grew({ run }) {
    for (const reader of [shown, compared]) if (reader?.run === run) void reader.readOn();
    return null;
  },
  job({ job }) {
    takeJob(job);
    return null;
  },
  show({ run, tab }) {
    if (tab) showTab(tab);
    showRun(run);
    return null;
  },
});

let state = readState(host.kept);
let runs: readonly RunSummary[] = [];
let jobs: readonly Job[] = [];
let shown: RunReader | undefined;
let compared: RunReader | undefined;
let outcome: Outcome | null = null;

const header = new Header({ choose: (run) => showRun(run), act });
const curves = new Curves({ state: () => state, change, say: live.say });
const samples = new Samples();
const outcomes = new Outcomes({ compute: () => act('outcome'), say: live.say });
const tabs = createTabs(
  [
    { name: 'curves', title: 'Curves', panel: curves.root },
    { name: 'samples', title: 'Samples', panel: samples.root },
    { name: 'outcome', title: 'Before and after', panel: outcomes.root },
  ],
  (tab) => change({ tab }),
);
const failure = element('p', { class: 'failure', attributes: { role: 'alert' }, set: { hidden: true } });
const empty = element(
  'div',
  { class: 'empty', set: { hidden: true } },
  element('h2', {}, 'No runs yet'),
  element('p', {}, 'Train on your preferences: curves, samples and what became better will be shown here.'),
  button('Train…', () => act('train'), { look: 'primary' }),
);
const content = element('div', { set: { hidden: true } }, header.root, failure, tabs.root);
const waiting = element('p', { class: 'faint' }, 'Loading…');

/** What the next frame draws; several changes are one drawing. */
const due = new Set<'header' | TabName>();

void start();

async function start(): Promise<void> {
  fill(page, live.region, waiting, empty, content);
  tabs.choose(state.tab);
  onThemeChange(() => curves.refresh());
  document.addEventListener('keydown', onKey);
  try {
    const started = await host.call('ready', state.run === undefined ? {} : { run: state.run });
    runs = started.runs;
    jobs = started.jobs;
    waiting.remove();
    if (started.tab) showTab(started.tab);
    const first = started.run ?? state.run ?? runs[0]?.id;
    if (first !== undefined && runs.some(({ id }) => id === first)) showRun(first);
    else if (runs[0]) showRun(runs[0].id);
    afterRuns();
  } catch (error) {
    waiting.textContent = sentence(error);
    waiting.className = 'failure';
  }
}

function change(next: Partial<PanelState>): void {
  state = { ...state, ...next };
  host.keep(state);
  if ('compared' in next) openCompared();
  drawSoon('curves', 'samples', 'outcome');
}

function showTab(tab: TabName): void {
  tabs.choose(tab);
  change({ tab });
}

function showRun(run: string): void {
  if (shown?.run !== run) {
    shown?.close();
    shown = openReader(run);
    outcome = null;
    change({ run, ...(state.compared === run ? { compared: undefined } : {}) });
    openCompared();
    void readOutcome(run);
  }
  afterRuns();
}

function openReader(run: string): RunReader {
  fail(undefined);
  const reader = new RunReader({
    run,
    read: (fromMetric, fromSample) => host.call('read', { run, fromMetric, fromSample }),
    changed: ({ run: newest }) => {
      fail(undefined);
      runs = runs.map((known) => (known.id === newest.id ? newest : known));
      drawSoon('header', 'curves', 'samples', 'outcome');
    },
    failed: (error) => fail(error),
  });
  void reader.readOn();
  return reader;
}

function openCompared(): void {
  if (compared?.run === state.compared) return;
  compared?.close();
  compared = state.compared === undefined ? undefined : openReader(state.compared);
}

async function readOutcome(run: string): Promise<void> {
  try {
    const found = await host.call('outcome', { run });
    if (shown?.run === run) outcome = found;
  } catch (error) {
    fail(error);
  }
  drawSoon('outcome');
}

/** Runs came, went, or changed: a run that is gone is not shown any more. */
function afterRuns(): void {
  const isThere = (reader: RunReader | undefined) => runs.some(({ id }) => id === reader?.run);
  if (shown && !isThere(shown)) {
    shown.close();
    shown = undefined;
  }
  if (state.compared !== undefined && !runs.some(({ id }) => id === state.compared)) change({ compared: undefined });
  if (!shown && runs[0]) {
    showRun(runs[0].id);
    return;
  }
  empty.hidden = runs.length > 0;
  content.hidden = !shown;
  drawSoon('header', 'curves', 'samples', 'outcome');
}

function takeJob(job: Job): void {
  const before = jobs.find(({ id }) => id === job.id);
  jobs = [...jobs.filter(({ id }) => id !== job.id), job];
  if (job.notices.length > (before?.notices.length ?? 0)) live.say(visibleText(job.notices.at(-1) ?? ''));
  const ended = job.status === 'done' || job.status === 'failed';
  if (ended && before?.status !== job.status) live.say(`${visibleText(job.title)}: ${job.status}.`);
  if (job.kind === 'outcome' && job.status === 'done' && shown) void readOutcome(shown.run);
  drawSoon('header', 'outcome');
}

function act(what: Action): void {
  const run = what === 'train' ? undefined : shown?.run;
  fail(undefined);
  host.call('act', { what, ...(run === undefined ? {} : { run }) }).catch((error: unknown) => fail(error));
}

/** D on the tab of before and after, but not while something is written. */
function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement | null;
  if (event.ctrlKey || event.metaKey || event.altKey || target?.closest('input, select, textarea, dialog')) return;
  if (event.key !== 'd' || state.tab !== 'outcome' || !outcome) return;
  outcomes.toggleDifference();
  event.preventDefault();
}

function fail(error: unknown): void {
  failure.hidden = error === undefined;
  failure.textContent = error === undefined ? '' : sentence(error);
}

const sentence = (error: unknown) => visibleText(error instanceof Error ? error.message : String(error));

function drawSoon(...parts: ('header' | TabName)[]): void {
  if (due.size === 0) requestAnimationFrame(draw);
  for (const part of parts) due.add(part);
}

function draw(): void {
  const parts = [...due];
  due.clear();
  const run = runs.find(({ id }) => id === shown?.run);
  if (!run || !shown) return;
  const training = newest(jobs.filter((job) => job.kind === 'train' && job.run === run.id));
  if (parts.includes('header')) header.show(runs, run, training);
  const history: KnownHistory | undefined = shown.history;
  const isDue = (tab: TabName) => state.tab === tab && parts.includes(tab);
  if (history && isDue('curves')) curves.show(history, compared?.history, runs);
  if (history && isDue('samples')) samples.show(history);
  const comparing = newest(jobs.filter((job) => job.kind === 'outcome' && (job.run ?? run.id) === run.id));
  if (isDue('outcome')) outcomes.show(run, outcome, comparing);
}

const newest = (among: readonly Job[]) => among.at(-1);
