import type { Job, Outcome, OutcomeRow, Prompt, RunSummary } from '../../server/protocol/types.ts';
import { button, element, fill } from '../common/elements.ts';
import { differenceText, findDifference } from '../compare/difference.ts';
import { foldedText } from './folded.ts';
import { percent, signedNumber } from './numbers.ts';

export interface OutcomeOptions {
  readonly compute: () => void;
  readonly say: (sentence: string) => void;
}

type Order = 'asked' | 'better' | 'worse';

/** The tab of before and after: what the model said to the same prompts, and what the reward model says of both. */
export class Outcomes {
  readonly root = element('div', { class: 'outcome' });
  readonly #options: OutcomeOptions;
  readonly #head = element('div', { class: 'outcome-head' });
  readonly #rows = element('div', { class: 'outcome-rows' });
  readonly #order: HTMLSelectElement;
  readonly #differenceButton: HTMLButtonElement;
  readonly #toolbar: HTMLElement;
  #outcome: Outcome | null = null;
  #drawn = '';
  #difference = false;
  #stop = new AbortController();

  constructor(options: OutcomeOptions) {
    this.#options = options;
    this.#order = element(
      'select',
      { set: { id: 'outcome-order', onchange: () => this.#drawRows() } },
      ...Object.entries({ better: 'most improved first', worse: 'least improved first', asked: 'as asked' }).map(
        ([value, text]) => element('option', { set: { value } }, text),
      ),
    );
    this.#differenceButton = button('Word difference', () => this.toggleDifference(), { key: 'd', pressed: false });
    this.#toolbar = element(
      'div',
      { class: 'toolbar', attributes: { role: 'group', 'aria-label': 'How the answers are shown' } },
      element(
        'span',
        { class: 'control' },
        element('label', { attributes: { for: 'outcome-order' } }, 'Order'),
        this.#order,
      ),
      this.#differenceButton,
    );
    this.root.append(this.#head, this.#toolbar, this.#rows);
  }

  /** @param outcome null: not computed yet */
  show(run: RunSummary, outcome: Outcome | null, job: Job | undefined): void {
    this.#outcome = outcome;
    this.#drawHead(run, outcome, job);
    this.#toolbar.hidden = !outcome || outcome.rows.length === 0;
    this.#drawRows();
  }

  toggleDifference(): void {
    this.#difference = !this.#difference;
    this.#differenceButton.setAttribute('aria-pressed', String(this.#difference));
    this.#options.say(this.#difference ? 'Words that differ are marked.' : 'Answers are shown as they are.');
    this.#drawRows();
  }

  #drawHead(run: RunSummary, outcome: Outcome | null, job: Job | undefined): void {
    const isBusy = job?.status === 'running' || job?.status === 'waiting' || job?.status === 'stopping';
    const hasPolicy = run.stages.some(({ stage, status }) => stage !== 'reward' && status === 'done');
    const compute = button(outcome ? 'Compute again' : 'Compare before and after', this.#options.compute, {
      look: outcome ? 'secondary' : 'primary',
    });
    compute.disabled = isBusy || !hasPolicy;
    const progress = isBusy ? outcomeProgress(job) : null;
    const failure = job?.status === 'failed' && job.failure ? element('p', { class: 'failure' }, job.failure) : null;
    if (outcome && outcome.rows.length > 0) {
      fill(this.#head, summaryOf(outcome), element('div', { class: 'row' }, compute, progress), failure);
      return;
    }
    const why = hasPolicy
      ? 'Answers a few prompts with the model as it was and as it is now, and puts them side by side.'
      : 'Nothing to compare yet: this run has no finished policy. Train one, then come back.';
    fill(this.#head, element('p', {}, why), element('div', { class: 'row' }, compute, progress), failure);
  }

  #drawRows(): void {
    const rows = this.#sorted();
    const drawn = `${this.#difference} ${JSON.stringify(rows)}`;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#stop.abort();
    this.#stop = new AbortController();
    fill(this.#rows, ...rows.map((row) => this.#row(row)));
  }

  #sorted(): readonly OutcomeRow[] {
    const rows = this.#outcome?.rows ?? [];
    const order = this.#order.value as Order;
    if (order === 'asked') return rows;
    const sign = order === 'better' ? -1 : 1;
    const rank = (row: OutcomeRow) => {
      const change = changeOf(row);
      return change === undefined ? Number.POSITIVE_INFINITY : sign * change;
    };
    return [...rows].sort((a, b) => rank(a) - rank(b));
  }

  #row(row: OutcomeRow): HTMLElement {
    const change = changeOf(row);
    const [before, after] = [foldedText(row.before.text), foldedText(row.after.text)];
    if (this.#difference) void this.#mark(row, before, after);
    const side = (title: string, text: HTMLElement, of: OutcomeRow['before']) =>
      element(
        'div',
        { class: 'side' },
        element(
          'h4',
          {},
          title,
          of.reward !== undefined && element('span', { class: 'reward' }, signedNumber(of.reward)),
          !of.finished && element('span', { class: 'faint', set: { title: 'It came to the limit of tokens.' } }, 'cut'),
        ),
        text,
      );
    return element(
      'article',
      { class: 'outcome-row' },
      element(
        'div',
        { class: 'sample-head' },
        element('h3', {}, 'Prompt'),
        change !== undefined &&
          element(
            'span',
            { class: 'reward change', attributes: { 'data-sign': Math.sign(change) } },
            `Change ${signedNumber(change)}`,
          ),
      ),
      foldedText(promptText(row.prompt)),
      element('div', { class: 'sides' }, side('Before', before, row.before), side('After', after, row.after)),
    );
  }

  async #mark(row: OutcomeRow, before: HTMLElement, after: HTMLElement): Promise<void> {
    const { signal } = this.#stop;
    const found = await findDifference(row.before.text, row.after.text, signal);
    if (!found || signal.aborted) return;
    fill(before, differenceText(found.a, 'del').root);
    fill(after, differenceText(found.b, 'ins').root);
  }
}

function outcomeProgress({ progress, status }: Job): HTMLElement {
  const { what = status, done = 0, total = 0 } = progress ?? {};
  const bar = element('progress', { attributes: { 'aria-label': what } });
  if (total > 0) [bar.max, bar.value] = [total, done];
  return element('span', { class: 'row' }, bar, total > 0 ? `${what}, ${done} of ${total}` : `${what}…`);
}

function summaryOf(outcome: Outcome): HTMLElement {
  const { rows, rewardBefore, rewardAfter, beforeModel } = outcome;
  const changes = rows.map(changeOf).filter((change) => change !== undefined);
  const improved = changes.filter((change) => change > 0).length;
  const before = beforeModel === 'sft' ? 'Before PPO (fine-tuned model)' : 'Before (base model)';
  const entry = (title: string, value: string) =>
    element('div', {}, element('dt', {}, title), element('dd', {}, value));
  return element(
    'dl',
    { class: 'figures' },
    entry('Prompts', String(rows.length)),
    rewardBefore !== undefined && entry(`${before}, mean reward`, signedNumber(rewardBefore)),
    rewardAfter !== undefined && entry('After, mean reward', signedNumber(rewardAfter)),
    changes.length > 0 && entry('Improved', `${improved} of ${changes.length} (${percent(improved / changes.length)})`),
  );
}

function changeOf({ before, after }: OutcomeRow): number | undefined {
  return before.reward === undefined || after.reward === undefined ? undefined : after.reward - before.reward;
}

/** A conversation is read turn by turn. */
function promptText({ content }: Prompt): string {
  if (typeof content === 'string') return content;
  if (content.length === 1) return content[0].content;
  return content.map(({ role, content }) => `${role}: ${content}`).join('\n\n');
}
