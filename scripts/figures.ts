/** Figures, the bars they are held to, and docs/figures.md, which keeps the last of them. Nothing here runs anything. */

/** Inclusive limits. None: the figure is only told. */
export interface Bar {
  min?: number;
  max?: number;
}

export interface Figure {
  /** `<proof>/<what it is>`, unique. */
  name: string;
  value: number;
  bar: Bar | null;
  /** Of the value and of the bar; '' for a share or a ratio. */
  unit: string;
  /** The value is a number and within its bar. */
  ok: boolean;
}

/** Where and when figures were taken. */
export interface Circumstances {
  /** ISO date, without the time. */
  date: string;
  commit: string;
  machine: string;
}

export function makeFigure(name: string, value: number, unit: string, bar: Bar | null): Figure {
  const ok = Number.isFinite(value) && value >= (bar?.min ?? -Infinity) && value <= (bar?.max ?? Infinity);
  return { name, value, bar, unit, ok };
}

/** Rows of equal width for a terminal, one per figure: its name, value, bar and verdict. */
export function tableForTerminal(figures: Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    withUnit(figure),
    formatBar(figure.bar),
    figure.ok ? 'ok' : 'NOT MET',
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  return rows
    .map(([name, value, bar, verdict]) =>
      [name.padEnd(widths[0]), value.padStart(widths[1]), bar.padEnd(widths[2]), verdict].join('  ').trimEnd(),
    )
    .join('\n');
}

/** One section of docs/figures.md, without its markers. */
export function sectionFor(title: string, description: string, figures: Figure[], when: Circumstances): string {
  return [
    `## ${title}`,
    description,
    '',
    `${when.date}, commit ${when.commit}, ${when.machine}`,
    '',
    '| figure | value | bar | met |',
    '|---|---|---|---|',
    ...figures.map((figure) =>
      row([figure.name, withUnit(figure), formatBar(figure.bar) || 'none', figure.ok ? 'yes' : '**no**']),
    ),
  ].join('\n');
}

/** The page with the section of that id replaced or, when it has none yet, added at the end. The rest stays as it is. */
export function withSection(page: string, id: string, section: string): string {
  const [begin, end] = [`<!-- begin ${id} -->`, `<!-- end ${id} -->`];
  const block = `${begin}\n${section}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 && page.includes(end)) throw new Error(`${end} stands without ${begin}.`);
  if (from === -1) return `${page.trimEnd()}\n\n${block}\n`;
  if (to === -1) throw new Error(`${begin} stands without ${end} after it.`);
  return page.slice(0, from) + block + page.slice(to + end.length);
}

/** Four significant digits, whole numbers whole: 0.9123, 12.35, 1234, 48000. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return String(Math.round(value));
  return Number(value.toPrecision(4)).toString();
}

/** '≥ 0.9', '≤ 8', '0.4 to 0.6', or '' without a bar. */
export function formatBar(bar: Bar | null): string {
  if (bar?.min !== undefined && bar.max !== undefined) return `${formatValue(bar.min)} to ${formatValue(bar.max)}`;
  if (bar?.min !== undefined) return `≥ ${formatValue(bar.min)}`;
  return bar?.max !== undefined ? `≤ ${formatValue(bar.max)}` : '';
}

const withUnit = ({ value, unit }: Figure) => `${formatValue(value)}${unit && ` ${unit}`}`;
const row = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
