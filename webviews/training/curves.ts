import type { RunSummary, StageName } from '../../server/protocol/types.ts';
import { element, fill } from '../common/elements.ts';
import { visibleText } from '../common/text/invisible.ts';
import { chartColours } from './colours.ts';
import type { KnownHistory } from './history.ts';
import { StageCharts } from './stageCharts.ts';
import type { PanelState } from './state.ts';

export interface CurvesOptions {
  readonly state: () => PanelState;
  readonly change: (change: Partial<PanelState>) => void;
  readonly say: (sentence: string) => void;
}

/** The tab of curves: one toolbar, one section a stage. */
export class Curves {
  readonly root = element('div', { class: 'curves' });
  readonly #options: CurvesOptions;
  readonly #stages = new Map<StageName, StageCharts>();
  readonly #sections = element('div');
  readonly #compared = element('select', { set: { id: 'compared', onchange: () => this.#choose() } });
  readonly #legend = element('p', { class: 'legend', set: { hidden: true } });
  readonly #smoothing: HTMLInputElement;
  readonly #smoothingValue = element('output', { attributes: { for: 'smoothing' } });
  readonly #axis: HTMLSelectElement;
  #run = '';

  constructor(options: CurvesOptions) {
    this.#options = options;
    const { smoothing, axis } = options.state();
    this.#smoothing = element('input', {
      set: { type: 'range', id: 'smoothing', min: '0', max: '0.99', step: '0.01', valueAsNumber: smoothing },
    });
    this.#smoothing.value = String(smoothing);
    this.#smoothing.addEventListener('input', () => {
      this.#smoothingValue.textContent = this.#smoothing.value;
      options.change({ smoothing: Number(this.#smoothing.value) });
    });
    this.#smoothingValue.textContent = String(smoothing);
    this.#axis = element(
      'select',
      { set: { id: 'axis', onchange: () => options.change({ axis: this.#axis.value === 'time' ? 'time' : 'step' }) } },
      element('option', { set: { value: 'step' } }, 'Steps'),
      element('option', { set: { value: 'time' } }, 'Time'),
    );
    this.#axis.value = axis;
    this.root.append(
      element(
        'div',
        { class: 'toolbar', attributes: { role: 'group', 'aria-label': 'How the curves are drawn' } },
        element('span', { class: 'control' }, label('smoothing', 'Smoothing'), this.#smoothing, this.#smoothingValue),
        element('span', { class: 'control' }, label('axis', 'Along'), this.#axis),
        element('span', { class: 'control' }, label('compared', 'Compare with'), this.#compared),
      ),
      this.#legend,
      this.#sections,
    );
  }

  /** @param runs all of the project, to choose another one from */
  show(history: KnownHistory, compared: KnownHistory | undefined, runs: readonly RunSummary[]): void {
    const { run, stages } = history;
    const { smoothing, axis, more, logarithmic } = this.#options.state();
    if (this.#run !== run.id) this.#clear();
    this.#run = run.id;
    this.#showRuns(run, runs);
    this.#showLegend(run, compared?.run);
    for (const stage of stageOrder.filter(
      (name) => run.stages.some(({ stage }) => stage === name) || stages.has(name),
    )) {
      let section = this.#stages.get(stage);
      if (!section) {
        section = new StageCharts(stage, {
          more: more.includes(stage),
          logarithmic: new Set(logarithmic),
          changed: (change) => this.#remember(stage, change),
          say: this.#options.say,
        });
        this.#stages.set(stage, section);
        this.#sections.append(section.root);
      }
      const curves = compared?.stages.get(stage);
      section.show({
        run,
        curves: stages.get(stage) ?? new Map(),
        compared: compared && curves && { run: compared.run, title: nameOf(compared.run), curves },
        smoothing,
        axis,
      });
    }
  }

  refresh(): void {
    for (const section of this.#stages.values()) section.refresh();
    this.#colourLegend();
  }

  #clear(): void {
    for (const section of this.#stages.values()) section.dispose();
    this.#stages.clear();
  }

  #choose(): void {
    this.#options.change({ compared: this.#compared.value || undefined });
  }

  #showRuns(run: RunSummary, runs: readonly RunSummary[]): void {
    const others = runs.filter(({ id }) => id !== run.id);
    const wanted = others.map(({ id, title }) => `${id}\n${title}`).join('\n');
    // A list that is open must not change under the pointer.
    if (this.#compared.dataset.runs !== wanted) {
      this.#compared.dataset.runs = wanted;
      fill(
        this.#compared,
        element('option', { set: { value: '' } }, 'no other run'),
        ...others.map((other) => element('option', { set: { value: other.id } }, nameOf(other))),
      );
    }
    this.#compared.disabled = others.length === 0;
    const { compared = '' } = this.#options.state();
    this.#compared.value = others.some(({ id }) => id === compared) ? compared : '';
  }

  #showLegend(run: RunSummary, compared: RunSummary | undefined): void {
    this.#legend.hidden = !compared;
    if (!compared) return;
    fill(this.#legend, lineSample('line'), nameOf(run), lineSample('compared'), nameOf(compared));
    this.#colourLegend();
  }

  #colourLegend(): void {
    for (const sample of this.#legend.querySelectorAll<SVGLineElement>('line')) {
      sample.style.stroke = sample.dataset.look === 'compared' ? chartColours().compared : chartColours().line;
    }
  }

  #remember(
    stage: StageName,
    { more, log }: { readonly more?: boolean; readonly log?: { metric: string; on: boolean } },
  ): void {
    const state = this.#options.state();
    const changed = (list: readonly string[], item: string, on: boolean) => [
      ...list.filter((other) => other !== item),
      ...(on ? [item] : []),
    ];
    if (more !== undefined) this.#options.change({ more: changed(state.more, stage, more) as StageName[] });
    if (log) this.#options.change({ logarithmic: changed(state.logarithmic, log.metric, log.on) });
  }
}

const stageOrder: readonly StageName[] = ['sft', 'reward', 'ppo'];

const label = (of: string, text: string) => element('label', { attributes: { for: of } }, text);

/** Runs often have one title; what they come from is a file. */
export function nameOf({ title, id, createdAt }: RunSummary): string {
  const name = visibleText(title || id).slice(0, 200);
  const began = new Date(createdAt);
  // 1970: nobody knows.
  return began.getTime() > 0 ? `${name}, ${dateFormat.format(began)}` : name;
}

const dateFormat = new Intl.DateTimeFormat(document.documentElement.lang || 'en', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** How a line looks, beside its name. */
function lineSample(look: 'line' | 'compared'): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('width', '28');
  svg.setAttribute('height', '8');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  for (const [name, value] of Object.entries({ x1: 0, x2: 28, y1: 4, y2: 4, 'stroke-width': 2 })) {
    line.setAttribute(name, String(value));
  }
  if (look === 'compared') line.setAttribute('stroke-dasharray', '6 4');
  line.dataset.look = look;
  svg.append(line);
  return svg;
}
