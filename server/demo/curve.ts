import { escapeHtml } from './escape.ts';

export interface CurvePoint {
  readonly step: number;
  /** A value that is not finite leaves a gap. */
  readonly value: number;
}

const width = 300;
const height = 132;
/** The axis' numbers stand to the left of the plot, the last value above it. */
const plot = { left: 52, right: width - 6, top: 24, bottom: height - 22 };

/** One metric over the steps as an SVG line, its lowest, highest and last value written beside it. */
export function curve(name: string, points: readonly CurvePoint[]): string {
  const finite = points.filter(({ value }) => Number.isFinite(value));
  if (finite.length === 0) return '<p class="nothing">no finite values</p>';
  const [first, last] = [finite[0], finite[finite.length - 1]];
  const values = finite.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = scale(points[0].step, points[points.length - 1].step, plot.left, plot.right);
  const y = scale(low, high, plot.bottom, plot.top);
  const label = `${name}: ${formatNumber(first.value)} at step ${first.step}, ${formatNumber(last.value)} at step ${last.step}, between ${formatNumber(low)} and ${formatNumber(high)}`;
  const spots = finite.map(
    ({ step, value }) =>
      `<circle class="spot" cx="${x(step)}" cy="${y(value)}" r="5"><title>step ${step}: ${escapeHtml(formatNumber(value))}</title></circle>`,
  );
  const grid = [plot.top, plot.bottom].map(
    (at) => `<line class="grid" x1="${plot.left}" x2="${width}" y1="${at}" y2="${at}"/>`,
  );
  const axis = [
    high > low ? text(plot.left - 6, plot.top + 4, 'end', formatNumber(high)) : '',
    text(plot.left - 6, high > low ? plot.bottom + 4 : (plot.top + plot.bottom) / 2 + 4, 'end', formatNumber(low)),
    text(plot.left, height - 4, 'start', `step ${points[0].step}`),
    text(width, height - 4, 'end', String(points[points.length - 1].step)),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}">
${grid.join('')}
${axis.join('')}
<path class="line" d="${path(points, x, y)}"/>
<circle class="last" cx="${x(last.step)}" cy="${y(last.value)}" r="4"/>
<text class="now" x="${width}" y="${plot.top - 8}" text-anchor="end">${escapeHtml(formatNumber(last.value))}</text>
${spots.join('')}
</svg>`;
}

/** Linear, with the middle for an interval without length; two decimals keep the document small. */
function scale(low: number, high: number, from: number, to: number): (value: number) => number {
  return (value) => {
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return Math.round((from + share * (to - from)) * 100) / 100;
  };
}

function path(points: readonly CurvePoint[], x: (step: number) => number, y: (value: number) => number): string {
  let pen = 'M';
  const commands: string[] = [];
  for (const { step, value } of points) {
    if (Number.isFinite(value)) commands.push(`${pen}${x(step)} ${y(value)}`);
    pen = Number.isFinite(value) ? 'L' : 'M';
  }
  return commands.join('');
}

function text(x: number, y: number, anchor: 'start' | 'end', content: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeHtml(content)}</text>`;
}

/** Three or four digits and no more zeros than needed; a dash where there is no number. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3)
    return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e').replaceAll('-', '−');
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return String(Number(value.toFixed(digits))).replace('-', '−');
}
