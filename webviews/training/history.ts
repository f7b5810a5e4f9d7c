import type { MetricsPoint, RunHistory, RunSample, RunSummary, StageName } from '../../server/protocol/types.ts';

/** One metric of one stage. The arrays are as long as each other and only grow; steps never go back. */
export interface Curve {
  readonly steps: number[];
  /** Of work on the stage; NaN where the line does not say it. */
  readonly seconds: number[];
  /** Null: it was not finite. */
  readonly values: (number | null)[];
}

export type StageCurves = Map<string, Curve>;

/** What is known of a run's files, from their start. */
export interface KnownHistory {
  readonly run: RunSummary;
  readonly stages: Map<StageName, StageCurves>;
  readonly samples: RunSample[];
  readonly nextMetric: number;
  readonly nextSample: number;
}

export const emptyHistory = (run: RunSummary): KnownHistory => ({
  run,
  stages: new Map(),
  samples: [],
  nextMetric: 0,
  nextSample: 0,
});

/**
 * Adds what was read from where `known` ends. Undefined: the files were cut since, because a run was gone on with from
 * an earlier checkpoint; then everything has to be read again from 0. `known` must not be used afterwards.
 */
export function extended(known: KnownHistory, page: RunHistory): KnownHistory | undefined {
  if (page.nextMetric < known.nextMetric || page.nextSample < known.nextSample) return undefined;
  if (known.nextMetric > 0 && wentOn(known.run, page.run)) return undefined;
  for (const point of page.metrics) if (!addPoint(known.stages, point)) return undefined;
  const lastStep = new Map(known.samples.map(({ stage, step }) => [stage, step]));
  for (const sample of page.samples) {
    if (sample.step < (lastStep.get(sample.stage) ?? 0)) return undefined;
    known.samples.push(sample);
  }
  return { ...known, run: page.run, nextMetric: page.nextMetric, nextSample: page.nextSample };
}

/** The run stood still and moves again: it may have cut its files and grown past where we are in the meantime. */
export const wentOn = (before: RunSummary, now: RunSummary) =>
  now.runningIn !== 'nowhere' && (before.runningIn === 'nowhere' || before.status !== 'running');

/** False: the point lies before the last one. */
function addPoint(stages: Map<StageName, StageCurves>, { stage, step, metrics, seconds }: MetricsPoint): boolean {
  const curves = stages.get(stage) ?? new Map<string, Curve>();
  stages.set(stage, curves);
  // PPO's line at the end of an iteration repeats, as means, what its updates have told one by one.
  const isIteration = stage === 'ppo' && 'episode' in metrics;
  for (const [name, value] of Object.entries(metrics)) {
    if (name === 'seconds') continue;
    const known = curves.get(name);
    if (isIteration && known && updateMetrics.has(name)) continue;
    const curve = known ?? { steps: [], seconds: [], values: [] };
    if (!known) curves.set(name, curve);
    if (step < (curve.steps.at(-1) ?? 0)) return false;
    curve.steps.push(step);
    curve.seconds.push(seconds ?? metrics.seconds ?? Number.NaN);
    curve.values.push(typeof value === 'number' && Number.isFinite(value) ? value : null);
  }
  return true;
}

const updateMetrics = new Set([
  'loss/policy_avg',
  'policy/approxkl_avg',
  'policy/clipfrac_avg',
  'policy/entropy_avg',
  'val/ratio',
  'loss/value_avg',
  'val/clipfrac_avg',
]);

/** The last value that is a number. */
export function lastValue({ values, steps }: Curve): { readonly step: number; readonly value: number } | undefined {
  for (let k = values.length - 1; k >= 0; k--) {
    const value = values[k];
    if (value !== null) return { step: steps[k], value };
  }
  return undefined;
}
