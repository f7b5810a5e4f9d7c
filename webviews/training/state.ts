import type { StageName } from '../../server/protocol/types.ts';
import type { Axis } from './numbers.ts';

export const tabs = ['curves', 'samples', 'outcome'] as const;
export type TabName = (typeof tabs)[number];

/** What the person chose: kept when the panel is hidden, reloaded, or the editor started again. */
export interface PanelState {
  readonly run?: string;
  readonly tab: TabName;
  /** 0 to 0.99. */
  readonly smoothing: number;
  readonly axis: Axis;
  /** Another run, drawn beside. */
  readonly compared?: string;
  /** Stages whose other metrics are shown. */
  readonly more: readonly StageName[];
  /** "stage/metric" on a logarithmic scale. */
  readonly logarithmic: readonly string[];
}

/** What is wrong in what was kept, by an older version perhaps, becomes the default. */
export function readState(kept: Partial<Record<keyof PanelState, unknown>>): PanelState {
  const { run, tab, smoothing, axis, compared, more, logarithmic } = kept;
  const strings = (value: unknown) =>
    Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  const isShare = typeof smoothing === 'number' && smoothing >= 0 && smoothing < 1;
  return {
    ...(typeof run === 'string' ? { run } : {}),
    tab: tabs.find((name) => name === tab) ?? 'curves',
    smoothing: isShare ? smoothing : 0.6,
    axis: axis === 'time' ? 'time' : 'step',
    ...(typeof compared === 'string' ? { compared } : {}),
    more: strings(more).filter((name): name is StageName => ['sft', 'reward', 'ppo'].includes(name)),
    logarithmic: strings(logarithmic),
  };
}
