import { element, keyCap } from '../common/elements.ts';
import { visibleText } from '../common/text/invisible.ts';
import { type RadioRow, radioRow } from './choices.ts';
import { stepName } from './scale.ts';

export interface Aspects {
  readonly root: HTMLElement;
  /** The aspect that digits rate now; undefined: digits are the overall choice. */
  readonly active: number | undefined;
  /** Digits rate this one from now on. */
  activate(index: number | undefined): void;
  /** A digit, or 0 for "the same". True: an aspect took it. */
  rate(step: number): boolean;
  show(ratings: Readonly<Record<string, number>>): void;
  /** The row that has the focus. */
  focused(): RadioRow | undefined;
}

/** A row from A to B for each aspect, with "the same" in the middle. */
export function aspects(
  names: readonly string[],
  scale: number,
  rated: (name: string, rating: number) => void,
): Aspects {
  const k = scale / 2;
  const values = Array.from({ length: scale + 1 }, (_, index) => index - k);
  let active: number | undefined;
  let ratings: Readonly<Record<string, number>> = {};

  const rows = names.map((name, at) =>
    radioRow(
      visibleText(name),
      values.map((value) => ({
        label: value === 0 ? '=' : `${value < 0 ? 'A' : 'B'}${k > 1 ? Math.abs(value) : ''}`,
        name: value === 0 ? 'the same' : stepName(value < 0 ? value + k + 1 : value + k, scale),
        keys: [],
      })),
      (index) => {
        rate(at, values[index]);
        activate(at);
      },
    ),
  );
  const lines = rows.map((row, at) =>
    element(
      'div',
      { class: 'aspect' },
      element('span', { class: 'aspect-name', attributes: { 'aria-hidden': 'true' } }, visibleText(names[at])),
      at < 9 && element('span', { class: 'keys', attributes: { 'aria-hidden': 'true' } }, keyCap(`Alt+${at + 1}`)),
      row.root,
    ),
  );
  const rate = (at: number, rating: number) => {
    rated(names[at], rating);
  };
  const activate = (index: number | undefined) => {
    active = index !== undefined && index < names.length ? index : undefined;
    lines.forEach((line, at) => {
      line.classList.toggle('active', at === active);
    });
  };
  return {
    root: element('div', { class: 'aspects' }, ...lines),
    get active() {
      return active;
    },
    activate(index) {
      activate(index);
      if (active !== undefined) rows[active].focus();
    },
    rate(step) {
      if (active === undefined || step > scale) return false;
      rate(active, step === 0 ? 0 : step <= k ? step - k - 1 : step - k);
      const next = names.findIndex((name, at) => at > active! && ratings[name] === undefined);
      activate(next < 0 ? undefined : next);
      if (next >= 0) rows[next].focus();
      else (document.activeElement as HTMLElement | null)?.blur();
      return true;
    },
    show(now) {
      ratings = now;
      rows.forEach((row, at) => {
        const rating = now[names[at]];
        row.show(rating === undefined ? undefined : values.indexOf(rating));
      });
    },
    focused: () => rows.find((row) => row.root.contains(document.activeElement)),
  };
}
