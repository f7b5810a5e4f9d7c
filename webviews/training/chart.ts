import { button, element } from '../common/elements.ts';
import { type Column, createTable, type DataTable } from './dataTable.ts';
import { type Curve, lastValue } from './history.ts';
import type { MetricDoc } from './metrics.ts';
import { type Axis, placeName, shortNumber } from './numbers.ts';
import { createPlot, type Plot, type View } from './plot.ts';
import { type Line, lowerBound, nearest, smoothed } from './series.ts';

export interface ChartData {
  readonly curve: Curve;
  readonly compared?: { readonly title: string; readonly curve: Curve };
  readonly smoothing: number;
  readonly axis: Axis;
  /** Undefined: everything. */
  readonly view: View | undefined;
  /** Of the whole section, so that its charts share one axis. */
  readonly whole: View;
}

export interface ChartEvents {
  readonly zoom: (view: View | undefined) => void;
  readonly point: (x: number | null) => void;
  readonly log: (on: boolean) => void;
  readonly say: (sentence: string) => void;
}

let ids = 0;

/** One metric: its name, what it means, its curve, the value under the cursor, and all of it as a table. */
export class Chart {
  readonly root: HTMLElement;
  readonly #label: string;
  readonly #events: ChartEvents;
  readonly #plot: Plot;
  readonly #table: DataTable;
  readonly #readout = element('output', { class: 'readout', attributes: { 'aria-live': 'off' } });
  readonly #picture: HTMLElement;
  readonly #logButton: HTMLButtonElement;
  readonly #tableButton: HTMLButtonElement;
  #data: ChartData | undefined;
  #logarithmic: boolean;
  #cursor: number | null = null;

  constructor(name: string, doc: MetricDoc, logarithmic: boolean, events: ChartEvents) {
    const id = `chart-${++ids}`;
    this.#label = doc.label;
    this.#events = events;
    this.#logarithmic = logarithmic;
    this.#plot = createPlot({ zoom: events.zoom, point: events.point });
    this.#table = createTable(`${doc.label}, every value`, events.say);
    this.#table.root.hidden = true;
    this.#picture = element(
      'div',
      {
        class: 'chart-picture',
        attributes: { role: 'img', 'aria-describedby': `${id}-about` },
        set: { tabIndex: 0, onkeydown: (event) => this.#onKey(event), ondblclick: () => events.zoom(undefined) },
      },
      this.#plot.root,
    );
    this.#tableButton = button('Table', () => this.#toggleTable(), { look: 'quiet', pressed: false });
    this.#logButton = button('Log', () => this.#toggleLog(), {
      look: 'quiet',
      pressed: logarithmic,
      title: 'Logarithmic scale; values of 0 and below are left out',
    });
    this.root = element(
      'figure',
      { class: 'chart', attributes: { 'data-metric': name, 'aria-labelledby': `${id}-name` } },
      element(
        'figcaption',
        {},
        element('h3', { set: { id: `${id}-name`, title: name } }, doc.label),
        this.#readout,
        element('span', { class: 'chart-buttons' }, this.#logButton, this.#tableButton),
      ),
      element('p', { class: 'about', set: { id: `${id}-about` } }, doc.sentence),
      this.#picture,
      this.#table.root,
    );
  }

  show(data: ChartData): void {
    this.#data = data;
    const { curve, compared, smoothing, axis, whole, view = whole } = data;
    const possible = curve.values.some((value) => value !== null && value > 0);
    this.#logButton.disabled = !possible;
    this.#plot.show({
      line: lineOf(curve, axis),
      compared: compared && lineOf(compared.curve, axis),
      smoothing,
      axis,
      log: this.#logarithmic && possible,
      view,
    });
    this.#picture.setAttribute('aria-label', summary(this.#label, data));
    this.#drawReadout();
    this.#drawTable();
  }

  /** Null: the cursor leaves. */
  pointAt(x: number | null): void {
    this.#cursor = x;
    this.#plot.pointAt(x);
    this.#drawReadout();
  }

  /** Reads the theme again. */
  refresh(): void {
    this.#plot.refresh();
  }

  dispose(): void {
    this.#plot.dispose();
  }

  #toggleTable(): void {
    this.#table.root.hidden = !this.#table.root.hidden;
    this.#tableButton.setAttribute('aria-pressed', String(!this.#table.root.hidden));
    this.#drawTable();
  }

  #toggleLog(): void {
    this.#logarithmic = !this.#logarithmic;
    this.#logButton.setAttribute('aria-pressed', String(this.#logarithmic));
    this.#events.log(this.#logarithmic);
    if (this.#data) this.show(this.#data);
  }

  #drawReadout(): void {
    if (!this.#data) return;
    this.#readout.textContent = this.#cursor === null ? lastText(this.#data) : textAt(this.#data, this.#cursor);
  }

  #drawTable(): void {
    if (this.#data && !this.#table.root.hidden) this.#table.show(columnsOf(this.#data), shortNumber);
  }

  /** Arrows go from value to value, + and − zoom about the cursor, 0 shows everything again. */
  #onKey(event: KeyboardEvent): void {
    const data = this.#data;
    if (!data || event.ctrlKey || event.metaKey || event.altKey) return;
    const { curve, axis, whole, view = whole } = data;
    const { x } = lineOf(curve, axis);
    const found = placeAfterKey(event.key, x, this.#cursor);
    if (found !== undefined) {
      this.#events.point(found);
      this.#events.say(textAt(data, found));
    } else if (event.key === '+' || event.key === '-') {
      const about = this.#cursor ?? (view.from + view.to) / 2;
      this.#events.zoom(zoomed(view, whole, about, event.key === '+' ? 0.5 : 2));
    } else if (event.key === '0') this.#events.zoom(undefined);
    else if (event.key === 'Escape') this.#events.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Where a key takes the cursor; undefined: it is no such key, or there is nowhere to go. */
function placeAfterKey(key: string, x: readonly number[], cursor: number | null): number | undefined {
  const far = Math.max(1, Math.round(x.length / 20));
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    PageUp: -far,
    PageDown: far,
    Home: -x.length,
    End: x.length,
  };
  if (!Object.hasOwn(moves, key)) return undefined;
  const from = cursor === null ? x.length - 1 : nearest(x, cursor);
  // The first press shows where it is.
  const to = cursor === null && key.startsWith('Arrow') ? from : from + moves[key];
  return x[Math.min(x.length - 1, Math.max(0, to))];
}

export function lineOf({ steps, seconds, values }: Curve, axis: Axis): Line {
  return { x: axis === 'time' ? seconds : steps, y: values };
}

/** Undefined where it would be everything. */
function zoomed(view: View, whole: View, about: number, factor: number): View | undefined {
  const from = Math.max(whole.from, about - (about - view.from) * factor);
  const to = Math.min(whole.to, about + (view.to - about) * factor);
  return from <= whole.from && to >= whole.to ? undefined : { from, to };
}

function lastText({ curve }: ChartData): string {
  const last = lastValue(curve);
  return last ? shortNumber(last.value) : '–';
}

/** "step 12: 0.31 (smoothed 0.35), run B 0.4" */
function textAt({ curve, compared, smoothing, axis }: ChartData, x: number): string {
  const { x: places } = lineOf(curve, axis);
  const at = nearest(places, x);
  const value = shortNumber(curve.values[at]);
  const smooth =
    smoothing > 0 ? ` (smoothed ${shortNumber(smoothed(curve.values.slice(0, at + 1), smoothing)[at])})` : '';
  const other = compared && valueAt(compared.curve, axis, x);
  const of = compared ? `, ${compared.title} ${shortNumber(other)}` : '';
  return at < 0 ? '–' : `${placeName(axis, places[at])}: ${value}${smooth}${of}`;
}

function valueAt(curve: Curve, axis: Axis, x: number): number | null {
  const { x: places, y } = lineOf(curve, axis);
  const at = nearest(places, x);
  return at < 0 ? null : y[at];
}

/** What a person sees at a glance, in words. */
function summary(label: string, { curve, axis }: ChartData): string {
  const last = lastValue(curve);
  if (!last) return `${label}: no values yet.`;
  let [low, high] = [-1, -1];
  for (const [k, value] of curve.values.entries()) {
    if (value === null) continue;
    if (low < 0 || value < (curve.values[low] as number)) low = k;
    if (high < 0 || value > (curve.values[high] as number)) high = k;
  }
  const { x } = lineOf(curve, axis);
  const at = (k: number) => `${shortNumber(curve.values[k])} at ${placeName(axis, x[k])}`;
  return `${label}: ${curve.values.length} values, lowest ${at(low)}, highest ${at(high)}, last ${shortNumber(last.value)}. Arrow keys read them.`;
}

function columnsOf({ curve, compared, smoothing }: ChartData): Column[] {
  const columns: Column[] = [
    { title: 'Step', values: curve.steps },
    { title: 'Seconds', values: curve.seconds.map((value) => (Number.isNaN(value) ? null : value)) },
    { title: 'Value', values: curve.values },
  ];
  if (smoothing > 0) columns.push({ title: 'Smoothed', values: smoothed(curve.values, smoothing) });
  if (compared) {
    const { steps, values } = compared.curve;
    const same = curve.steps.map((step) => {
      const k = lowerBound(steps, step);
      return steps[k] === step ? values[k] : null;
    });
    columns.push({ title: compared.title, values: same });
  }
  return columns;
}
