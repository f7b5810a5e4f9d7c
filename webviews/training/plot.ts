import uPlot from 'uplot';
import { duration } from '../common/duration.ts';
import { chartColours } from './colours.ts';
import { type Axis, shortNumber } from './numbers.ts';
import { type Line, smoothed, thinnedOut, type Values } from './series.ts';

/** Part of the x axis. */
export interface View {
  readonly from: number;
  readonly to: number;
}

export interface Shown {
  readonly line: Line;
  /** Of another run, to hold this one against. */
  readonly compared?: Line;
  /** 0 to below 1. */
  readonly smoothing: number;
  readonly axis: Axis;
  readonly log: boolean;
  readonly view: View;
}

export interface PlotEvents {
  /** The person has drawn over a part of the x axis. */
  readonly zoom: (view: View) => void;
  /** Where the pointer is on the x axis; null: it left. */
  readonly point: (x: number | null) => void;
}

export interface Plot {
  readonly root: HTMLElement;
  show(shown: Shown): void;
  /** Puts the cursor there without telling anybody; null: takes it away. */
  pointAt(x: number | null): void;
  /** Reads colours and size again. */
  refresh(): void;
  dispose(): void;
}

const height = 180;

/** Draws one metric. Whatever the number of its points, only what the pixels can show is given to the canvas. */
export function createPlot(events: PlotEvents): Plot {
  const root = document.createElement('div');
  root.className = 'plot';
  let shown: Shown | undefined;
  let plot: uPlot | undefined;
  let kind = '';
  let silent = false;

  const draw = () => {
    const width = Math.floor(root.clientWidth);
    if (!shown || width < 50) return;
    const wanted = `${shown.log} ${shown.axis}`;
    if (plot && kind === wanted) {
      if (plot.width !== width) plot.setSize({ width, height });
      plot.setData(dataOf(shown, width));
      return;
    }
    plot?.destroy();
    kind = wanted;
    plot = new uPlot(optionsOf(shown, width), dataOf(shown, width), root);
  };

  const optionsOf = ({ log, axis }: Shown, width: number): uPlot.Options => ({
    width,
    height,
    legend: { show: false },
    padding: [8, 16, 0, 0],
    focus: { alpha: 1 },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, fill: (self, k) => String((self.series[k] as { colour?: string }).colour) },
      dataIdx: (self, series, index) => nearestPoint(self.data[series], index),
    },
    scales: {
      x: { time: false, range: () => [shown?.view.from ?? 0, shown?.view.to ?? 1] },
      y: log ? { distr: 3 } : { range: (_self, low, high) => padded(low, high) },
    },
    axes: [xAxis(axis), yAxis()],
    series: [{}, ...seriesOf()],
    hooks: {
      setSelect: [
        (self) => {
          const { left, width } = self.select;
          if (width < 4) return;
          const view = { from: self.posToVal(left, 'x'), to: self.posToVal(left + width, 'x') };
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          events.zoom(view);
        },
      ],
      setCursor: [
        (self) => {
          const { left = -1 } = self.cursor;
          if (!silent) events.point(left < 0 ? null : self.posToVal(left, 'x'));
        },
      ],
    },
  });

  const resized = new ResizeObserver(() => draw());
  resized.observe(root);
  return {
    root,
    show(next) {
      shown = next;
      draw();
    },
    pointAt(x) {
      if (!plot) return;
      silent = true;
      plot.setCursor(x === null ? { left: -10, top: -10 } : { left: plot.valToPos(x, 'x'), top: height / 3 });
      silent = false;
    },
    refresh() {
      kind = '';
      draw();
    },
    dispose() {
      resized.disconnect();
      plot?.destroy();
    },
  };
}

/** Raw and smoothed, of the compared run and of this one, which is drawn last. */
function dataOf({ line, compared, smoothing, view, log }: Shown, width: number): uPlot.AlignedData {
  // What has no logarithm is a gap.
  const drawable = (y: Values) => (log ? y.map((value) => (value !== null && value > 0 ? value : null)) : y);
  const lines = [compared ?? none, line].flatMap(({ x, y }) => [
    { x, y: smoothing > 0 ? drawable(y) : [] },
    { x, y: drawable(smoothed(y, smoothing)) },
  ]);
  const thin = lines.map(({ x, y }) => (y.length === 0 ? none : thinnedOut({ x, y }, view.from, view.to, width)));
  return uPlot.join(thin.map(({ x, y }) => [[...x], [...y]]));
}

const none: Line = { x: [], y: [] };

function seriesOf(): uPlot.Series[] {
  const { line, compared } = chartColours();
  const raw = (colour: string) => ({ stroke: colour, alpha: 0.4, width: 1, points: { show: false }, colour });
  const main = (colour: string) => ({
    stroke: colour,
    width: 2,
    // A few points are points; a single one would not be seen at all.
    points: { show: (self: uPlot, k: number) => countOf(self.data[k]) <= 25, size: 6, fill: colour },
    colour,
  });
  return [raw(compared), { ...main(compared), dash: [6, 4] }, raw(line), main(line)];
}

function countOf(values: ArrayLike<unknown>): number {
  let count = 0;
  for (let k = 0; k < values.length && count <= 25; k++) if (typeof values[k] === 'number') count++;
  return count;
}

/** Each line has points of its own: the cursor's dot stands on the closest one. */
function nearestPoint(values: ArrayLike<unknown>, index: number): number {
  for (let away = 0; away < values.length; away++) {
    if (typeof values[index - away] === 'number') return index - away;
    if (typeof values[index + away] === 'number') return index + away;
  }
  return index;
}

/** Some air above and below, and something to see where all values are the same. */
function padded(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  // Averages of one and the same value differ in their last digit.
  if (high - low <= 1e-9 * Math.abs(high))
    return low === 0 ? [-1, 1] : [low - Math.abs(low) / 10, high + Math.abs(high) / 10];
  const air = (high - low) * 0.06;
  return [low >= 0 && low - air < 0 ? 0 : low - air, high + air];
}

function xAxis(axis: Axis): uPlot.Axis {
  const { text, grid } = chartColours();
  return {
    stroke: text,
    font: fontOf(),
    size: 26,
    space: axis === 'time' ? 90 : 60,
    // Steps are whole.
    incrs: axis === 'time' ? [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400] : wholeSteps,
    values: (_self, splits) => splits.map((value) => (axis === 'time' ? duration(value) : String(value))),
    grid: { stroke: grid, width: 0.5 },
    ticks: { show: false },
  };
}

function yAxis(): uPlot.Axis {
  const { text, grid } = chartColours();
  return {
    stroke: text,
    font: fontOf(),
    size: (self, values) => {
      if (!values) return 40;
      self.ctx.font = self.axes[1].font?.[0] ?? fontOf();
      const widest = Math.max(...values.map((value) => self.ctx.measureText(value ?? '').width));
      return Math.ceil(widest / devicePixelRatio) + 14;
    },
    space: 30,
    values: (_self, splits) => splits.map((value) => (value === null ? null : shortNumber(value))) as string[],
    grid: { stroke: grid, width: 0.5 },
    ticks: { show: false },
  };
}

const wholeSteps = [1, 2, 5]
  .flatMap((first) => Array.from({ length: 9 }, (_, power) => first * 10 ** power))
  .sort((a, b) => a - b);

const fontOf = () => `11px ${getComputedStyle(document.body).fontFamily}`;
