import { EventColumns, type KeptEvents, kinds } from './eventColumns.ts';
import type { Words } from './hexIds.ts';
import { type KeptTable, KeyTable } from './keyTable.ts';
import type { Pacer } from './pacer.ts';

/** A comparison as a number: two responses' numbers and whether it is the repetition with sides swapped. */
export type ComparisonKey = number;

const responsesLimit = 2 ** 25;

export function comparisonKey(low: number, high: number, repeat: boolean): ComparisonKey {
  if (high >= responsesLimit) throw new Error('More than 33 million responses.');
  return (low * responsesLimit + high) * 2 + Number(repeat);
}

export function partsOfKey(key: ComparisonKey): { low: number; high: number; repeat: boolean } {
  const pair = Math.floor(key / 2);
  const low = Math.floor(pair / responsesLimit);
  // Without %, which is slow on numbers beyond 32 bits.
  return { low, high: pair - low * responsesLimit, repeat: key - 2 * pair === 1 };
}

/** Told after each event: the row that says how a comparison stands, before and now; −1: it is open. */
export type LabelChange = (labels: AnnotatorLabels, key: ComparisonKey, before: number, after: number) => void;

export interface KeptLabels {
  readonly events: KeptEvents;
  readonly newest: KeptTable;
  readonly early: readonly (readonly [string, number])[];
  readonly standing: Uint32Array;
  readonly undone: readonly number[];
  readonly targets: readonly (readonly [number, string])[];
  readonly decided: number;
  readonly skipped: number;
  readonly lastApplied: number;
  readonly newestTime: number;
}

/**
 * Everything that one annotator has said, replayed in the order of (at, id), whatever the order of the lines. An event
 * counts once, however often its line is there.
 *
 * A decision or a skip stands unless the newest undo or redo that names it is an undo. Of several events that stand
 * about one comparison the newest decision counts, else the newest skip. Undo takes the newest event that stands; redo
 * gives back what was undone last, until something new is decided.
 */
export class AnnotatorLabels {
  readonly name: string;
  readonly events: EventColumns;
  /** Comparisons that are decided, and those that are only skipped. */
  decided = 0;
  skipped = 0;
  readonly #newest: KeyTable;
  /** By the id of an event that is not there, or comes later as the clock says: the newest undo or redo of it. */
  readonly #early: Map<string, number>;
  /** Decisions and skips that stand, oldest first. */
  readonly #standing: number[];
  /** What was undone, in that order, since the last decision or skip. */
  readonly #undone: number[];
  /** Of each row: the row that an undo or redo is about is found by this id. */
  readonly #targets: Map<number, string>;
  readonly #waiting: number[] = [];
  #lastApplied = -1;
  #newestTime = 0;

  constructor(name: string, kept?: KeptLabels) {
    this.name = name;
    this.events = new EventColumns(kept?.events);
    this.#newest = new KeyTable(kept?.newest);
    this.#early = new Map(kept?.early);
    this.#standing = Array.from(kept?.standing ?? []);
    this.#undone = [...(kept?.undone ?? [])];
    this.#targets = new Map(kept?.targets);
    this.decided = kept?.decided ?? 0;
    this.skipped = kept?.skipped ?? 0;
    this.#lastApplied = kept?.lastApplied ?? -1;
    this.#newestTime = kept?.newestTime ?? 0;
  }

  /** What makes the same labels again, of settled ones. */
  get kept(): KeptLabels {
    return {
      events: this.events.kept,
      newest: this.#newest.kept,
      early: [...this.#early],
      standing: Uint32Array.from(this.#standing),
      undone: [...this.#undone],
      targets: [...this.#targets],
      decided: this.decided,
      skipped: this.skipped,
      lastApplied: this.#lastApplied,
      newestTime: this.#newestTime,
    };
  }

  /**
   * Takes an event, and gives the number of its row, whose other columns the caller fills; −1: it is there already.
   * `settle` puts it into its place. `ids`: its id's words begin at `place`. `target`: id of the event that an undo or
   * redo is about.
   */
  add(ids: Words, place: number, at: number, kind: number, target?: string): number {
    const row = this.events.push(ids, place, at, kind);
    if (row === -1) return -1;
    if (target !== undefined) this.#targets.set(row, target);
    this.#newestTime = Math.max(this.#newestTime, at);
    this.#waiting.push(row);
    return row;
  }

  /** Replays what was added. Where it belongs between older events, all is replayed, after `restarted`. */
  async settle(pacer: Pacer, changed: LabelChange, restarted: () => void): Promise<void> {
    const waiting = this.#waiting.splice(0).sort((a, b) => this.compare(a, b));
    if (waiting.length === 0) return;
    if (this.#lastApplied === -1 || this.compare(this.#lastApplied, waiting[0]) < 0) {
      await pacer.each(waiting, (row) => this.#apply(row, changed));
      return;
    }
    this.#restart();
    restarted();
    const all = Array.from({ length: this.events.count }, (_, row) => row).sort((a, b) => this.compare(a, b));
    await pacer.each(all, (row) => this.#apply(row, changed));
  }

  /** The row that says how a comparison stands: the newest decision, else the newest skip; −1: it is open. */
  current(key: ComparisonKey): number {
    return this.#currentFrom(this.#newest.get(key));
  }

  /** The same of the rows from this one back. */
  #currentFrom(newest: number): number {
    const { previous, undone, kind } = this.events;
    let skip = -1;
    for (let row = newest; row !== -1; row = previous[row]) {
      if (undone[row] === 1) continue;
      if (kind[row] === kinds.decide) return row;
      if (skip === -1) skip = row;
    }
    return skip;
  }

  /** Whether a comparison was ever decided or skipped, standing or not. */
  wasLabelled(key: ComparisonKey): boolean {
    return this.#newest.get(key) !== -1;
  }

  /** Every comparison that was ever decided or skipped. */
  comparisons(): Generator<ComparisonKey> {
    return this.#newest.keys();
  }

  /** Decisions and skips that stand, oldest first. */
  get standing(): readonly number[] {
    return this.#standing;
  }

  /** The row that undo would take back, and the one that redo would give back; −1: there is none. */
  get undoable(): number {
    return this.#standing.at(-1) ?? -1;
  }

  get redoable(): number {
    return this.#undone.at(-1) ?? -1;
  }

  keyOf(row: number): ComparisonKey {
    const { low, high, repeat } = this.events;
    return comparisonKey(low[row], high[row], repeat[row] === 1);
  }

  rowOf(id: string): number {
    return this.events.rowOf(id);
  }

  /** A time for the next event: now, but later than every event before. */
  nextTime(): number {
    return Math.max(Date.now(), this.#newestTime + 1);
  }

  /** The order of two events, by time, then by id: negative where `a` is older. */
  compare(a: number, b: number): number {
    const { at, ids } = this.events;
    return at[a] - at[b] || ids.compare(a, b);
  }

  #restart(): void {
    this.events.previous.fill(-1);
    this.events.undone.fill(0);
    this.events.applied.fill(0);
    this.#newest.clear();
    this.#early.clear();
    this.#standing.length = 0;
    this.#undone.length = 0;
    this.#lastApplied = -1;
    this.decided = 0;
    this.skipped = 0;
  }

  #apply(row: number, changed: LabelChange): void {
    const { events } = this;
    this.#lastApplied = row;
    events.applied[row] = 1;
    if (events.kind[row] === kinds.decide || events.kind[row] === kinds.skip) {
      this.#applyPair(row, changed);
      return;
    }
    const of = this.#targets.get(row) ?? '';
    const target = this.rowOf(of);
    if (target === -1 || events.applied[target] === 0) {
      this.#early.set(of.toLowerCase(), row);
    } else if (events.kind[target] === kinds.decide || events.kind[target] === kinds.skip) {
      const takesBack = events.kind[row] === kinds.undo;
      if (takesBack === (events.undone[target] === 1)) return;
      const key = this.keyOf(target);
      const before = this.current(key);
      if (takesBack) this.#takeBack(target);
      else this.#giveBack(target);
      this.#tell(key, before, this.current(key), changed);
    }
  }

  /** A decision or a skip. */
  #applyPair(row: number, changed: LabelChange): void {
    const { events } = this;
    const early = this.#early.size === 0 ? undefined : this.#early.get(events.idOf(row));
    this.#undone.length = 0;
    const key = this.keyOf(row);
    const older = this.#newest.set(key, row);
    events.previous[row] = older;
    events.undone[row] = early !== undefined && events.kind[early] === kinds.undo ? 1 : 0;
    if (events.undone[row] === 0) this.#standing.push(row);
    this.#tell(key, this.#currentFrom(older), this.#currentFrom(row), changed);
  }

  #takeBack(row: number): void {
    this.events.undone[row] = 1;
    // Nearly always the last one.
    this.#standing.splice(this.#standing.lastIndexOf(row), 1);
    this.#undone.push(row);
  }

  #giveBack(row: number): void {
    this.events.undone[row] = 0;
    let place = this.#standing.length;
    while (place > 0 && this.compare(this.#standing[place - 1], row) > 0) place--;
    this.#standing.splice(place, 0, row);
    const at = this.#undone.lastIndexOf(row);
    if (at !== -1) this.#undone.splice(at, 1);
  }

  #tell(key: ComparisonKey, before: number, after: number, changed: LabelChange): void {
    if (before === after) return;
    this.#count(before, -1);
    this.#count(after, 1);
    changed(this, key, before, after);
  }

  #count(row: number, by: number): void {
    if (row === -1) return;
    if (this.events.kind[row] === kinds.decide) this.decided += by;
    else this.skipped += by;
  }
}
