import { curve, formatNumber } from './curve.ts';
import { escapeHtml } from './escape.ts';
import { duration } from './progress.ts';
import { reportStyle } from './reportStyle.ts';

/** Everything that the report shows. Every string is text, never markup. */
export interface DemoReport {
  readonly title: string;
  /** One paragraph: what was done, and that a rule stood in for a person. */
  readonly introduction: string;
  /** The whole run, wall clock. */
  readonly seconds: number;
  /** Model, seed, engine … in the order to show them. */
  readonly settings: readonly { readonly name: string; readonly value: string }[];
  readonly figures: readonly ReportFigure[];
  readonly sideBySide: readonly ReportPair[];
  readonly stages: readonly ReportStage[];
}

export interface ReportFigure {
  readonly name: string;
  /** Absent where only one value exists. */
  readonly before?: number;
  readonly after: number;
  /** 'share': 0 to 1, shown in per cent. Otherwise the number, then the unit if it is not ''. */
  readonly unit: 'share' | 'nats' | 'seconds' | '';
  /** What was counted over what. */
  readonly definition: string;
}

export interface ReportResponse {
  readonly text: string;
  /** By the reward model. */
  readonly reward: number;
  /** Whether the stand-in's rule likes it. */
  readonly positive: boolean;
}

export interface ReportPair {
  readonly prompt: string;
  readonly before: ReportResponse;
  readonly after: ReportResponse;
}

export interface ReportStage {
  readonly name: string;
  /** One sentence under the heading. */
  readonly explanation: string;
  /** Rows in the order of their steps; a row may lack metrics that others have. */
  readonly metrics: readonly { readonly step: number; readonly values: Readonly<Record<string, number>> }[];
}

/** The report as one HTML document that needs no script and fetches nothing. All strings of the input are escaped. */
export function renderReport(report: DemoReport): string {
  const title = escapeHtml(report.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="introduction">${escapeHtml(report.introduction)}</p>
</header>
${figures(report.figures)}
${sideBySide(report.sideBySide)}
${report.stages.map(stage).join('\n')}
${settings(report)}
</main>
</body>
</html>
`;
}

function withUnit(value: number, unit: ReportFigure['unit']): string {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'share') return `${formatNumber(value * 100)} %`;
  if (unit === 'seconds') return duration(value);
  return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}

function figures(list: readonly ReportFigure[]): string {
  const cards = list.map(({ name, before, after, unit, definition }) => {
    const start =
      before === undefined
        ? ''
        : `<span class="before">${escapeHtml(withUnit(before, unit))}</span> <span class="arrow" aria-label="to">→</span> `;
    return `<div class="figure"><dt>${escapeHtml(name)}</dt>
<dd class="value">${start}<span class="after">${escapeHtml(withUnit(after, unit))}</span></dd>
<dd class="definition">${escapeHtml(definition)}</dd></div>`;
  });
  return `<section><h2>Before and after</h2>\n<dl class="figures">\n${cards.join('\n')}\n</dl></section>`;
}

function sideBySide(pairs: readonly ReportPair[]): string {
  if (pairs.length === 0) return '';
  const rows = pairs.map(
    ({ prompt, before, after }) => `<tr><th scope="row" dir="auto">${escapeHtml(prompt)}</th>
${response(before)}
${response(after)}</tr>`,
  );
  return `<section><h2>The same prompts, side by side</h2>
<div class="scroll" role="region" aria-label="Responses" tabindex="0"><table class="pairs">
<thead><tr><th scope="col">Prompt</th><th scope="col">Before PPO</th><th scope="col">After PPO</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div></section>`;
}

function response({ text, reward, positive }: ReportResponse): string {
  const verdict = positive ? '<span class="yes">✓ preferred</span>' : '<span class="no">✗ not preferred</span>';
  const shown = text.trim() === '' ? '<em>(empty)</em>' : escapeHtml(text.trim());
  return `<td><p class="text" dir="auto">${shown}</p><p class="judged">${verdict} · reward ${escapeHtml(formatNumber(reward))}</p></td>`;
}

function stage({ name, explanation, metrics }: ReportStage): string {
  const names = [...new Set(metrics.flatMap(({ values }) => Object.keys(values)))];
  const charts = names.map((metric) => {
    const points = metrics.map(({ step, values }) => ({ step, value: values[metric] ?? Number.NaN }));
    return `<figure><figcaption>${escapeHtml(metric)}</figcaption>${curve(metric, points)}</figure>`;
  });
  return `<section><h2>${escapeHtml(name)}</h2>
<p>${escapeHtml(explanation)}</p>
<div class="curves">
${charts.join('\n')}
</div>
${table(names, metrics)}</section>`;
}

/** The curves' numbers, for reading, copying and screen readers. */
function table(names: readonly string[], metrics: ReportStage['metrics']): string {
  if (names.length === 0) return '<p>No metrics were recorded.</p>';
  const head = ['step', ...names].map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  const rows = metrics.map(({ step, values }) => {
    const cells = names.map((name) => `<td>${escapeHtml(formatNumber(values[name] ?? Number.NaN))}</td>`);
    return `<tr><th scope="row">${escapeHtml(String(step))}</th>${cells.join('')}</tr>`;
  });
  return `<details><summary>The same as a table (${metrics.length} ${metrics.length === 1 ? 'row' : 'rows'})</summary>
<div class="scroll" role="region" aria-label="Metrics" tabindex="0"><table class="numbers"><thead><tr>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div></details>`;
}

function settings(report: DemoReport): string {
  const all = [...report.settings, { name: 'Time', value: duration(report.seconds) }];
  const items = all.map(({ name, value }) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`);
  return `<section><h2>The run</h2>\n<dl class="settings">\n${items.join('\n')}\n</dl></section>`;
}
