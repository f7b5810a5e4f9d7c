import type { Comparison } from '../../server/protocol/types.ts';
import type { CompareAction } from '../protocol/compare.ts';

/** How pairs are looked at: kept from one to the next, and over a reload. */
export interface Preferences {
  raw: boolean;
  difference: boolean;
  linked: boolean;
  pictures: PictureMode;
}

export type PictureMode = 'sides' | 'swipe' | 'difference';

export function readPreferences(kept: unknown): Preferences {
  const { raw, difference, linked, pictures } = (kept ?? {}) as Record<string, unknown>;
  return {
    raw: raw === true,
    difference: difference === true,
    linked: linked !== false,
    pictures: pictures === 'swipe' || pictures === 'difference' ? pictures : 'sides',
  };
}

/** The two responses of a pair on the screen. */
export interface PairView {
  readonly comparison: Comparison;
  readonly root: HTMLElement;
  /** Switches for how the pair is looked at. */
  readonly tools: HTMLElement;
  /** Preferences may have changed since it was made. */
  refresh(): void;
  /** There was something to judge on the screen: a text, or at least one picture or the reason why there is none. */
  seen(): boolean;
  /** True: the action was about this view, and is done. */
  act(action: CompareAction): boolean;
  /** The key of `flip` went down or up. */
  hold(on: boolean): void;
  /** An arrow key outside the choices. True: used. */
  move(x: number, y: number): boolean;
  dispose(): void;
}
