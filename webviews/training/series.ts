/** Columns of numbers for charts: smoothing, thinning out, finding a place. Null is a gap. */

export type Values = readonly (number | null)[];

/**
 * Exponential moving average without the pull towards 0 at the start: s_t = w s_{t−1} + (1 − w) x_t, shown as
 * s_t / (1 − w^t) (as Adam corrects its moments; Kingma & Ba 2015). Gaps stay gaps and do not count.
 *
 * @param weight 0: as it is, to below 1
 */
export function smoothed(values: Values, weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let [mean, rest] = [0, 1];
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    rest *= weight;
    return mean / (1 - rest);
  });
}

export interface Line {
  readonly x: readonly number[];
  readonly y: Values;
}

/**
 * The line between two places with at most three points a column: of each column the lowest and the highest, so that no
 * peak is lost, and one gap where there is any. The points just outside are kept, so that the line leaves the picture.
 */
export function thinnedOut({ x, y }: Line, from: number, to: number, columns: number): Line {
  const first = Math.max(0, lowerBound(x, from) - 1);
  const last = Math.min(x.length - 1, lowerBound(x, to) + 1);
  if (last - first < 2 * columns) return { x: x.slice(first, last + 1), y: y.slice(first, last + 1) };
  const thin = { x: [] as number[], y: [] as (number | null)[] };
  const perColumn = (last - first + 1) / columns;
  for (let column = 0; column < columns; column++) {
    const start = first + Math.floor(column * perColumn);
    const end = first + Math.floor((column + 1) * perColumn);
    for (const k of extremes(y, start, end)) {
      thin.x.push(x[k]);
      thin.y.push(y[k]);
    }
  }
  return thin;
}

/** Places of the lowest and highest value and of one gap, in order. */
function extremes(y: Values, start: number, end: number): number[] {
  let [low, high, gap] = [-1, -1, -1];
  for (let k = start; k < end; k++) {
    const value = y[k];
    if (value === null) gap = k;
    else {
      if (low < 0 || value < (y[low] as number)) low = k;
      if (high < 0 || value > (y[high] as number)) high = k;
    }
  }
  return [...new Set([low, high, gap])].filter((k) => k >= 0).sort((a, b) => a - b);
}

/** Index of the first of the sorted values that is not below `value`; their count where all are. */
export function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the sorted value that is closest; −1 where there is none. */
export function nearest(sorted: readonly number[], value: number): number {
  const right = lowerBound(sorted, value);
  if (right === 0) return sorted.length === 0 ? -1 : 0;
  if (right === sorted.length) return right - 1;
  return value - sorted[right - 1] <= sorted[right] - value ? right - 1 : right;
}
