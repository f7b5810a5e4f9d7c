import { duration } from '../common/duration.ts';

/** As exact as a chart: four digits, no zeros without meaning, a power of ten where it is very large or small. */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return minus(String(value));
  if (size < 1e-4 || size >= 1e7) {
    return minus(
      value
        .toExponential(2)
        .replace(/\.?0+e/, 'e')
        .replace('e+', 'e'),
    );
  }
  return minus(String(Number(value.toPrecision(4))));
}

/** A reward, a margin, a change: with its sign. */
export function signedNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const rounded = Number(value.toPrecision(3));
  return rounded > 0 ? `+${shortNumber(rounded)}` : shortNumber(rounded);
}

const minus = (text: string) => text.replaceAll('-', '−');

export type Axis = 'step' | 'time';

/** A place on the x axis. */
export const placeName = (axis: Axis, x: number) => (axis === 'time' ? duration(x) : `step ${x}`);

export const percent = (share: number) => `${Math.round(100 * share)} %`;
