import type { RunSummary, StageName } from '../../server/protocol/types.ts';
import { button, element, fill } from '../common/elements.ts';
import { Chart, lineOf } from './chart.ts';
import { type Curve, lastValue, type StageCurves } from './history.ts';
import { metricDoc, sortedMetrics, stageTitles } from './metrics.ts';
import { type Axis, shortNumber } from './numbers.ts';
import type { View } from './plot.ts';

export interface StageData {
  readonly run: RunSummary;
  readonly curves: StageCurves;
  readonly compared?: { readonly run: RunSummary; readonly title: string; readonly curves: StageCurves };
  readonly smoothing: number;
  readonly axis: Axis;
}

export interface StageOptions {
  /** Whether the metrics that matter less are shown. */
  readonly more: boolean;
  readonly logarithmic: ReadonlySet<string>;
  readonly changed: (change: { readonly more?: boolean; readonly log?: { metric: string; on: boolean } }) => void;
  readonly say: (sentence: string) => void;
}

/** The curves of one stage: they share the x axis, its zoom and the cursor. */
export class StageCharts {
  readonly root: HTMLElement;
  readonly #stage: StageName;
  readonly #options: StageOptions;
  readonly #charts = new Map<string, Chart>();
  readonly #curves = element('div', { class: 'charts' });
  readonly #moreCurves = element('div', { class: 'charts' });
  readonly #figures = element('dl', { class: 'figures' });
  readonly #moreButton: HTMLButtonElement;
  readonly #resetButton: HTMLButtonElement;
  readonly #nothing = element('p', { class: 'faint' });
  #more: boolean;
  #view: View | undefined;
  #data: StageData | undefined;

  constructor(stage: StageName, options: StageOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#more = options.more;
    this.#moreButton = button('More metrics', () => this.#toggleMore(), { look: 'quiet' });
    this.#resetButton = button('Show all steps', () => this.#zoom(undefined), { look: 'quiet', title: 'Key 0' });
    const id = `stage-${stage}`;
    this.root = element(
      'section',
      { class: 'stage', attributes: { 'aria-labelledby': id, 'data-stage': stage } },
      element(
        'div',
        { class: 'row' },
        element('h2', { set: { id } }, stageTitles[stage]),
        element('span', { class: 'spring' }),
        this.#resetButton,
        this.#moreButton,
      ),
      this.#nothing,
      this.#figures,
      this.#curves,
      this.#moreCurves,
    );
  }

  show(data: StageData): void {
    // Positions on one axis mean nothing on the other.
    if (this.#data && this.#data.axis !== data.axis) this.#view = undefined;
    this.#data = data;
    const names = sortedMetrics(this.#stage, data.curves.keys());
    const placed = (place: string) => names.filter((name) => metricDoc(this.#stage, name).place === place);
    const [shown, more] = [placed('curve'), placed('more')];
    this.#nothing.textContent = names.length > 0 ? '' : this.#whyNothing(data.run);
    this.#nothing.hidden = names.length > 0;
    this.#showFigures(placed('figure'), data);
    this.#moreButton.hidden = more.length === 0;
    this.#moreButton.firstElementChild!.textContent = this.#more ? 'Fewer metrics' : `${more.length} more metrics`;
    this.#moreButton.setAttribute('aria-expanded', String(this.#more));
    this.#moreCurves.hidden = !this.#more;
    this.#resetButton.hidden = this.#view === undefined;
    const visible = this.#more ? [...shown, ...more] : shown;
    const timed = new Map(visible.map((name) => [name, withTimes(data.curves.get(name)!, data.run, this.#stage)]));
    const others = data.compared;
    const compared = new Map(
      visible.flatMap((name): [string, Curve][] => {
        const curve = others?.curves.get(name);
        return others && curve ? [[name, withTimes(curve, others.run, this.#stage)]] : [];
      }),
    );
    const whole = wholeOf([...timed.values(), ...compared.values()], data.axis);
    for (const name of visible) {
      const other = compared.get(name);
      this.#chart(name, shown.includes(name) ? this.#curves : this.#moreCurves).show({
        curve: timed.get(name)!,
        compared: others && other && { title: others.title, curve: other },
        smoothing: metricDoc(this.#stage, name).exact ? 0 : data.smoothing,
        axis: data.axis,
        view: this.#view,
        whole,
      });
    }
  }

  refresh(): void {
    for (const chart of this.#charts.values()) chart.refresh();
  }

  dispose(): void {
    for (const chart of this.#charts.values()) chart.dispose();
    this.root.remove();
  }

  #chart(name: string, parent: HTMLElement): Chart {
    const known = this.#charts.get(name);
    if (known) return known;
    const chart = new Chart(
      name,
      metricDoc(this.#stage, name),
      this.#options.logarithmic.has(`${this.#stage}/${name}`),
      {
        zoom: (view) => this.#zoom(view),
        point: (x) => {
          for (const each of this.#charts.values()) each.pointAt(x);
        },
        log: (on) => this.#options.changed({ log: { metric: `${this.#stage}/${name}`, on } }),
        say: this.#options.say,
      },
    );
    this.#charts.set(name, chart);
    // In the table's order, whichever metric is logged first.
    const order = sortedMetrics(this.#stage, [...this.#charts.keys()]);
    const after = order.slice(order.indexOf(name) + 1).map((next) => this.#charts.get(next)!.root);
    parent.insertBefore(chart.root, after.find((root) => root.parentElement === parent) ?? null);
    return chart;
  }

  #zoom(view: View | undefined): void {
    this.#view = view;
    if (!this.#data) return;
    this.show(this.#data);
    this.#options.say(view ? 'Zoomed in. Key 0 shows all steps.' : 'All steps are shown.');
  }

  #toggleMore(): void {
    this.#more = !this.#more;
    this.#options.changed({ more: this.#more });
    if (this.#data) this.show(this.#data);
  }

  #showFigures(names: readonly string[], { curves, compared }: StageData): void {
    this.#figures.hidden = names.length === 0;
    const text = (of: StageCurves | undefined, name: string) => {
      const curve = of?.get(name);
      return shortNumber(curve && lastValue(curve)?.value);
    };
    fill(
      this.#figures,
      ...names.map((name) => {
        const { label, sentence } = metricDoc(this.#stage, name);
        return element(
          'div',
          { attributes: { 'data-metric': name }, set: { title: sentence } },
          element('dt', {}, label),
          element('dd', {}, text(curves, name)),
          compared?.curves.has(name) &&
            element('dd', { class: 'faint' }, `${compared.title}: ${text(compared.curves, name)}`),
        );
      }),
    );
  }

  #whyNothing({ stages, status }: RunSummary): string {
    const state = stages.find(({ stage }) => stage === this.#stage)?.status;
    if (state === 'waiting') return 'This stage waits for the one before.';
    return status === 'running' ? 'The first step has not ended yet.' : 'Nothing was measured.';
  }
}

/** Everything that any of them has, so that charts stand under each other step by step. */
function wholeOf(curves: readonly Curve[], axis: Axis): View {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const curve of curves) {
    const { x } = lineOf(curve, axis);
    if (x.length === 0) continue;
    from = Math.min(from, x[0]);
    to = Math.max(to, x[x.length - 1]);
  }
  if (from > to) return { from: 0, to: 1 };
  return from === to ? { from: from - 0.5, to: to + 0.5 } : { from, to };
}

/** Where lines do not say when they were written, steps are taken to have been equally long. */
function withTimes(curve: Curve, { stages }: RunSummary, name: StageName): Curve {
  if (!curve.seconds.some(Number.isNaN)) return curve;
  const stage = stages.find(({ stage }) => stage === name);
  const pace = stage && stage.step > 0 && stage.seconds > 0 ? stage.seconds / stage.step : 1;
  return { ...curve, seconds: curve.steps.map((step) => step * pace) };
}
