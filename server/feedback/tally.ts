import type { AnnotatorLabels, ComparisonKey } from '../store/annotatorLabels.ts';
import { comparisonKey, partsOfKey } from '../store/annotatorLabels.ts';
import { choices, kinds } from '../store/eventColumns.ts';
import type { Pacer } from '../store/pacer.ts';
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
  /** Rows of decisions that shall come back and have not, oldest first where `#inOrder`. */
  #coming = new Set<number>();
  #inOrder = true;

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
  async takeOver(seen: (prompt: number, by: number) => void, pacer: Pacer): Promise<void> {
    const { labels } = this;
    await pacer.each(labels.standing, (row) => {
      const key = labels.keyOf(row);
      // Of each comparison once: with the row that says how it stands.
      if (labels.current(key) !== row) return;
      const { low, high, repeat } = labels.events;
      const isRepeat = repeat[row] === 1;
      const other = labels.current(comparisonKey(low[row], high[row], !isRepeat));
      this.#count(low[row], high[row], isRepeat, 1, seen);
      // A pair counts at its first showing or, where only the repetition is there, at that.
      const counts = !isRepeat || other === -1;
      if (counts && this.#prefers(newerDecision(labels, row, other))) this.#addPreferences(low[row], high[row], 1);
      if (!isRepeat && other === -1) this.#noteRepeat(row);
    });
    // They were taken oldest first.
    this.#inOrder = true;
  }

  /** A comparison stands otherwise than before. */
  change(key: ComparisonKey, before: number, after: number, seen: (prompt: number, by: number) => void): void {
    const { low, high, repeat } = partsOfKey(key);
    if (before === -1) this.#count(low, high, repeat, 1, seen);
    if (after === -1) this.#count(low, high, repeat, -1, seen);
    this.#changePreference(key, before, after);
    if (before !== -1) this.#coming.delete(before);
    const first = repeat ? this.labels.current(comparisonKey(low, high, false)) : after;
    if (first !== -1) this.#noteRepeat(first);
  }

  /** The pair that should come back now, as the row of its decision; −1: none. `all`: there is nothing else to ask. */
  dueRepeat(held: ReadonlySet<ComparisonKey>, options: { readonly all: boolean }): number {
    const { standing, events } = this.labels;
    const justNow = standing.slice(-repeatDistance.repetition + 1);
    if (!options.all && justNow.some((row) => events.repeat[row] === 1)) return -1;
    this.#sort();
    const tooNew = this.#tooNew();
    for (const row of this.#coming) {
      if (!tooNew.has(row) && !held.has(this.#repeatKey(row))) return row;
    }
    return -1;
  }

  /** How many pairs should come back now. */
  get dueRepeats(): number {
    let due = this.#coming.size;
    for (const row of this.#tooNew()) if (this.#coming.has(row)) due--;
    return due;
  }

  /** The newest events: none of them comes back yet. */
  #tooNew(): Set<number> {
    return new Set(this.labels.standing.slice(-repeatDistance.pair));
  }

  #count(low: number, high: number, repeat: boolean, by: number, seen: (prompt: number, by: number) => void): void {
    const prompt = this.#table.promptOf(low, high);
    if (prompt === -1) return;
    seen(prompt, by);
    const group = repeat ? -1 : this.#table.groupOf(low, high);
    if (group === -1) return;
    this.left[group] -= by;
    this.open -= by;
  }

  /** Takes a decision among those that shall come back, or away from them, as it stands now. */
  #noteRepeat(row: number): void {
    const { repeat, kind, low, high } = this.labels.events;
    if (repeat[row] === 1 || kind[row] !== kinds.decide) return;
    const isOpen =
      this.#comesBack(low[row], high[row]) &&
      this.labels.current(this.labels.keyOf(row)) === row &&
      this.labels.current(this.#repeatKey(row)) === -1 &&
      this.#table.promptOf(low[row], high[row]) !== -1;
    if (!isOpen) {
      this.#coming.delete(row);
    } else if (!this.#coming.has(row)) {
      this.#coming.add(row);
      if (this.labels.undoable !== row) this.#inOrder = false;
    }
  }

  #sort(): void {
    if (this.#inOrder) return;
    this.#coming = new Set([...this.#coming].sort((a, b) => this.labels.compare(a, b)));
    this.#inOrder = true;
  }

  #repeatKey(row: number): ComparisonKey {
    const { low, high } = this.labels.events;
    return comparisonKey(low[row], high[row], true);
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
