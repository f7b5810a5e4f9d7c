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
  /** Decisions that shall come back, oldest first, and how many events stood then. */
  readonly #repeats: { readonly row: number; readonly standing: number }[] = [];
  #lastRepeat = Number.NEGATIVE_INFINITY;

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
    for (const [place, row] of this.labels.standing.entries()) this.#noteRepeat(row, place + 1);
  }

  /** A comparison stands otherwise than before. */
  change(key: ComparisonKey, before: number, after: number, seen: (prompt: number, by: number) => void): void {
    if (before === -1) this.#count(key, 1, seen);
    if (after === -1) this.#count(key, -1, seen);
    this.#changePreference(key, before, after);
    if (after !== -1) this.#noteRepeat(after, this.labels.standing.length);
  }

  /** The pair that should come back now, as the row of its decision; −1: none. `all`: there is nothing else to ask. */
  dueRepeat(held: ReadonlySet<ComparisonKey>, options: { readonly all: boolean }): number {
    const standing = this.labels.standing.length;
    this.#dropAnswered();
    if (!options.all && standing - this.#lastRepeat < repeatDistance.repetition) return -1;
    for (const repeat of this.#repeats) {
      if (standing - repeat.standing < repeatDistance.pair) break;
      if (this.#isAnswered(repeat.row) || held.has(this.#repeatKey(repeat.row))) continue;
      return repeat.row;
    }
    return -1;
  }

  /** How many pairs should come back now. */
  get dueRepeats(): number {
    this.#dropAnswered();
    const standing = this.labels.standing.length;
    let due = 0;
    for (const repeat of this.#repeats) {
      if (standing - repeat.standing < repeatDistance.pair) break;
      if (!this.#isAnswered(repeat.row)) due++;
    }
    return due;
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

  #noteRepeat(row: number, standing: number): void {
    const { repeat, kind, low, high } = this.labels.events;
    if (repeat[row] === 1) this.#lastRepeat = standing;
    else if (kind[row] === kinds.decide && this.#comesBack(low[row], high[row])) this.#repeats.push({ row, standing });
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

  #dropAnswered(): void {
    let answered = 0;
    while (answered < this.#repeats.length && this.#isAnswered(this.#repeats[answered].row)) answered++;
    if (answered > 0) this.#repeats.splice(0, answered);
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
