import type { LabelProgress } from '../../server/protocol/types.ts';
import { duration } from '../common/duration.ts';
import { element, fill } from '../common/elements.ts';
import type { Operation } from './outbox.ts';

export const noProgress: LabelProgress = {
  decided: 0,
  skipped: 0,
  remaining: 0,
  textPreferences: 0,
  imagePreferences: 0,
  canUndo: false,
  canRedo: false,
};

export const totalOf = ({ decided, skipped, remaining }: LabelProgress) => decided + skipped + remaining;

/** With what is on its way counted as done. */
export function foreseen(progress: LabelProgress, waiting: readonly Operation[]): LabelProgress {
  const decided = waiting.filter(({ kind }) => kind === 'decide').length;
  const skipped = waiting.filter(({ kind }) => kind === 'skip').length;
  return {
    ...progress,
    decided: progress.decided + decided,
    skipped: progress.skipped + skipped,
    remaining: Math.max(0, progress.remaining - decided - skipped),
    canUndo: progress.canUndo || decided + skipped > 0,
  };
}

/** How far the annotator is, at what pace, and how long the rest will take. */
export function progressBar(): { readonly root: HTMLElement; show(progress: LabelProgress): void } {
  const bar = element('div', { class: 'bar-done' });
  const track = element('div', { class: 'bar', attributes: { 'aria-hidden': 'true' } }, bar);
  const words = element('span', { class: 'progress-words' });
  return {
    root: element('div', { class: 'progress' }, words, track),
    show(progress) {
      const total = totalOf(progress);
      bar.style.width = `${total > 0 ? (100 * (progress.decided + progress.skipped)) / total : 0}%`;
      const { decided, skipped, remaining, pace } = progress;
      const known = pace !== undefined && Number.isFinite(pace) && pace >= 0;
      const rest = [
        `${remaining} left`,
        skipped > 0 && `${skipped} skipped`,
        known && `${duration(pace)} each`,
        known && remaining > 0 && `about ${duration(pace * remaining)} to go`,
      ].filter((part) => part !== false);
      fill(
        words,
        element('strong', {}, `${decided} of ${total}`),
        element('span', { class: 'quieter' }, ` · ${rest.join(' · ')}`),
      );
    },
  };
}
