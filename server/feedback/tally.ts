import type { AnnotatorLabels, ComparisonKey } from '../store/annotatorLabels.ts';
import { comparisonKey, partsOfKey } from '../store/annotatorLabels.ts';
import { choices, kinds } from '../store/eventColumns.ts';
import type { PairTable } from './pairTable.ts';

/** Events between a pair and its repetition, and between two repetitions. */
export const repeatDistance = { pair: 20, repetition: 10 };

/** What one annotator has still to see, kept up to date event by event. */
export class Tally {
  readonly labels: AnnotatorLabels;
  /** Pairs that are asked and open, by group. */
  readonly left: Int32Array;
  /** All of them. */
  open = 0;
  /** Pairs whose newest decision prefers a response, of responses that are in the project. */
  textPreferences = 0;
  imagePreferences = 0;
  readonly #table: PairTable;
  readonly #comesBack: (low: number, high: number) => boolean;
  /** Rows of decisions that are drawn to come back, oldest first, whether they stand or not. */
  readonly #drawn = new Set<number>();
  /** The first of them that are answered, superseded or gone; undo may change that. */
  #answered = 0;

  /** @param comesBack whether a pair is drawn to be asked again */
  constructor(labels: AnnotatorLabels, table: PairTable, comesBack: (low: number, high: number) => boolean) {
    this.labels = labels;
    this.#table = table;
    this.#comesBack = comesBack;
    this.left = Int32Array.from(table.groups, (_, group) => table.pairCount(group));
    this.open = this.left.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Takes over what was labelled before this tally was made.
   *
   * @param seen called for every comparison that is labelled
   */
  takeOver(seen: (prompt: number, by: number) => void): void {
    for (const key of this.labels.comparisons()) {
      const row = this.labels.current(key);
      if (row !== -1) this.#count(key, 1, seen);
    }
    for (const key of this.labels.comparisons()) this.#countPreference(key, 1);
    for (const row of this.labels.standing) this.#drawRepeat(row);
  }

  /** A comparison stands otherwise than before. */
  change(key: ComparisonKey, before: number, after: number, seen: (prompt: number, by: number) => void): void {
    if (before === -1) this.#count(key, 1, seen);
    if (after === -1) this.#count(key, -1, seen);
    this.#changePreference(key, before, after);
    // What was taken back or given back may have to come back.
    if (before !== -1 || this.#drawn.has(after)) this.#answered = 0;
    if (after !== -1) this.#drawRepeat(after);
  }

  /** The pair that should come back now, as the row of its decision; −1: none. `all`: there is nothing else to ask. */
  dueRepeat(held: ReadonlySet<ComparisonKey>, options: { readonly all: boolean }): number {
    const { standing, events } = this.labels;
    const justNow = standing.slice(-repeatDistance.repetition + 1);
    if (!options.all && justNow.some((row) => events.repeat[row] === 1)) return -1;
    for (const row of this.#due()) if (!held.has(this.#repeatKey(row))) return row;
    return -1;
  }

  /** How many pairs should come back now. */
  get dueRepeats(): number {
    let count = 0;
    for (const _ of this.#due()) count++;
    return count;
  }

  *#due(): Generator<number> {
    const last = this.labels.standing.length - 1 - repeatDistance.pair;
    let place = 0;
    for (const row of this.#drawn) {
      if (place++ < this.#answered) continue;
      if (this.#isAnswered(row)) {
        if (place === this.#answered + 1) this.#answered = place;
      } else if (this.labels.placeOf(row) <= last) {
        yield row;
      }
    }
  }

  #count(key: ComparisonKey, by: number, seen: (prompt: number, by: number) => void): void {
    const { low, high, repeat } = partsOfKey(key);
    const prompt = this.#table.promptOf(low, high);
    if (prompt === -1) return;
    seen(prompt, by);
    const group = repeat ? -1 : this.#table.groupOf(low, high);
    if (group === -1) return;
    this.left[group] -= by;
    this.open -= by;
  }

  #drawRepeat(row: number): void {
    const { repeat, kind, low, high } = this.labels.events;
    if (repeat[row] === 0 && kind[row] === kinds.decide && this.#comesBack(low[row], high[row])) this.#drawn.add(row);
  }

  #repeatKey(row: number): ComparisonKey {
    const { low, high } = this.labels.events;
    return comparisonKey(low[row], high[row], true);
  }

  /** The decision is another one now, its responses are gone, or the repetition was answered or skipped. */
  #isAnswered(row: number): boolean {
    const { low, high } = this.labels.events;
    const gone = this.#table.promptOf(low[row], high[row]) === -1;
    return (
      gone || this.labels.current(this.labels.keyOf(row)) !== row || this.labels.current(this.#repeatKey(row)) !== -1
    );
  }

  // ---------------------------------------------------------------------------------------------- preferences

  #changePreference(key: ComparisonKey, before: number, after: number): void {
    const { low, high, repeat } = partsOfKey(key);
    const other = this.labels.current(comparisonKey(low, high, !repeat));
    const by =
      Number(this.#prefers(newerDecision(this.labels, after, other))) -
      Number(this.#prefers(newerDecision(this.labels, before, other)));
    this.#addPreferences(low, high, by);
  }

  /** Counts a pair once, at its first showing or, where only the repetition is there, at that. */
  #countPreference(key: ComparisonKey, by: number): void {
    const { low, high, repeat } = partsOfKey(key);
    const first = this.labels.current(comparisonKey(low, high, false));
    const second = this.labels.current(comparisonKey(low, high, true));
    if (repeat && first !== -1) return;
    if (this.#prefers(newerDecision(this.labels, first, second))) this.#addPreferences(low, high, by);
  }

  #addPreferences(low: number, high: number, by: number): void {
    if (by === 0 || this.#table.promptOf(low, high) === -1) return;
    if (this.#table.isImage(low)) this.imagePreferences += by;
    else this.textPreferences += by;
  }

  #prefers(row: number): boolean {
    if (row === -1) return false;
    const choice = this.labels.events.choice[row];
    return choice === choices.low || choice === choices.high;
  }
}

/** Of two rows, −1 for none, the newer one that is a decision. */
export function newerDecision({ events }: AnnotatorLabels, a: number, b: number): number {
  const isDecision = (row: number) => row !== -1 && events.kind[row] === kinds.decide;
  if (!isDecision(a)) return isDecision(b) ? b : -1;
  if (!isDecision(b)) return a;
  const later = events.at[a] - events.at[b] || events.ids.compare(a, b);
  return later > 0 ? a : b;
}
