import type { RunSample } from '../../server/protocol/types.ts';
import { button, element, fill } from '../common/elements.ts';
import { foldedText } from './folded.ts';
import type { KnownHistory } from './history.ts';
import { signedNumber } from './numbers.ts';

const pageSize = 50;
type Order = 'written' | 'best' | 'worst';

/** The tab of samples: what the policy said, step by step, to read. */
export class Samples {
  readonly root = element('div', { class: 'samples' });
  readonly #list = element('ol', { class: 'sample-list' });
  readonly #count = element('p', { class: 'faint', attributes: { role: 'status' } });
  readonly #step = element('select', { set: { id: 'sample-step', onchange: () => this.#goTo(this.#step.value) } });
  readonly #text = element('input', {
    set: { type: 'search', id: 'sample-text', placeholder: 'any words', oninput: () => this.#restart() },
  });
  readonly #least = element('input', {
    set: { type: 'number', id: 'sample-least', step: 'any', placeholder: 'any', oninput: () => this.#restart() },
  });
  readonly #order: HTMLSelectElement;
  readonly #earlier = button('Earlier step', () => this.#move(-1), { look: 'quiet' });
  readonly #later = button('Later step', () => this.#move(1), { look: 'quiet' });
  readonly #more = button('Show more', () => this.#showMore());
  #samples: readonly RunSample[] = [];
  #run = '';
  /** 'all', 'newest' (follows the run), or a step. */
  #chosen = 'newest';
  #shown = pageSize;
  readonly #items = new WeakMap<RunSample, HTMLElement>();

  constructor() {
    this.#order = element(
      'select',
      { set: { id: 'sample-order', onchange: () => this.#restart() } },
      ...Object.entries({ written: 'as written', best: 'highest reward first', worst: 'lowest reward first' }).map(
        ([value, text]) => element('option', { set: { value } }, text),
      ),
    );
    this.root.append(
      element(
        'div',
        { class: 'toolbar', attributes: { role: 'group', 'aria-label': 'Which samples are shown' } },
        field('sample-step', 'Step', this.#earlier, this.#step, this.#later),
        field('sample-order', 'Order', this.#order),
        field('sample-least', 'Reward at least', this.#least),
        field('sample-text', 'With', this.#text),
      ),
      this.#count,
      this.#list,
      this.#more,
    );
  }

  show({ run, samples }: KnownHistory): void {
    if (run.id !== this.#run) [this.#run, this.#chosen, this.#shown] = [run.id, 'newest', pageSize];
    this.#samples = samples;
    this.#draw();
  }

  #steps(): number[] {
    return [...new Set(this.#samples.map(({ step }) => step))].sort((a, b) => a - b);
  }

  #goTo(step: string): void {
    this.#chosen = step;
    this.#restart();
  }

  #move(by: number): void {
    const steps = this.#steps();
    const now =
      this.#chosen === 'newest' || this.#chosen === 'all' ? steps.length - 1 : steps.indexOf(Number(this.#chosen));
    this.#goTo(String(steps[Math.min(steps.length - 1, Math.max(0, now + by))]));
  }

  #restart(): void {
    this.#shown = pageSize;
    this.#draw();
  }

  #showMore(): void {
    const before = this.#list.children.length;
    this.#shown += pageSize;
    this.#draw();
    // The button may be gone: the focus goes to what it brought.
    (this.#list.children[before] as HTMLElement | undefined)?.focus();
  }

  #draw(): void {
    const steps = this.#steps();
    this.#drawSteps(steps);
    const found = this.#found(steps);
    this.#count.textContent =
      this.#samples.length === 0
        ? 'No samples yet. PPO writes a few responses at the start of each iteration, to be read here.'
        : found.length === 0
          ? 'No sample is like this. Change the step, the reward or the words.'
          : `${found.length} of ${this.#samples.length} samples`;
    this.#more.hidden = found.length <= this.#shown;
    for (const [k, sample] of found.slice(0, this.#shown).entries()) {
      const item = this.#item(sample);
      // What is being read stays where it is, unfolded and selected, while the run goes on.
      if (this.#list.children[k] !== item) this.#list.insertBefore(item, this.#list.children[k] ?? null);
    }
    while (this.#list.children.length > Math.min(found.length, this.#shown)) this.#list.lastElementChild?.remove();
  }

  #item(sample: RunSample): HTMLElement {
    const item = this.#items.get(sample) ?? sampleItem(sample);
    this.#items.set(sample, item);
    return item;
  }

  #found(steps: readonly number[]): RunSample[] {
    const words = this.#text.value.trim().toLocaleLowerCase();
    const least = this.#least.value === '' ? undefined : this.#least.valueAsNumber;
    const step = this.#chosen === 'newest' ? steps.at(-1) : this.#chosen === 'all' ? undefined : Number(this.#chosen);
    const found = this.#samples.filter(
      (sample) =>
        (step === undefined || sample.step === step) &&
        (least === undefined || (sample.reward ?? Number.NEGATIVE_INFINITY) >= least) &&
        (words === '' || `${sample.prompt}\n${sample.response}`.toLocaleLowerCase().includes(words)),
    );
    const order = this.#order.value as Order;
    if (order === 'written') return found;
    const sign = order === 'best' ? -1 : 1;
    const rank = ({ reward }: RunSample) => (reward === null ? Number.POSITIVE_INFINITY : sign * reward);
    return found.sort((a, b) => rank(a) - rank(b));
  }

  #drawSteps(steps: readonly number[]): void {
    const known = steps.join();
    if (this.#step.dataset.steps !== known) {
      this.#step.dataset.steps = known;
      fill(
        this.#step,
        element('option', { set: { value: 'newest' } }, 'newest'),
        element('option', { set: { value: 'all' } }, 'all'),
        ...steps.map((step) => element('option', { set: { value: String(step) } }, String(step))).reverse(),
      );
    }
    if (!['newest', 'all'].includes(this.#chosen) && !steps.includes(Number(this.#chosen))) this.#chosen = 'newest';
    this.#step.value = this.#chosen;
    const at = this.#chosen === 'newest' ? steps.length - 1 : steps.indexOf(Number(this.#chosen));
    this.#earlier.disabled = this.#chosen !== 'all' && at <= 0;
    this.#later.disabled = this.#chosen === 'all' || at >= steps.length - 1;
  }
}

function sampleItem({ step, prompt, response, reward }: RunSample): HTMLElement {
  return element(
    'li',
    { class: 'sample', set: { tabIndex: -1 } },
    element(
      'p',
      { class: 'sample-head' },
      element('span', { class: 'faint' }, `Step ${step}`),
      element(
        'span',
        { class: 'reward', attributes: { 'data-sign': reward === null ? undefined : Math.sign(reward) } },
        reward === null ? 'no reward' : `Reward ${signedNumber(reward)}`,
      ),
    ),
    element('h3', {}, 'Prompt'),
    foldedText(prompt),
    element('h3', {}, 'Response'),
    foldedText(response),
  );
}

function field(id: string, text: string, ...controls: HTMLElement[]): HTMLElement {
  return element('span', { class: 'control' }, element('label', { attributes: { for: id } }, text), ...controls);
}
