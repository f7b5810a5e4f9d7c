import { grownCapacity, HexIds, isUuid, type KeptIds, uuidOf, type Words, wordsOf } from './hexIds.ts';

/** What kind an event is, and whether it stands, in one byte each. */
export const kinds = { decide: 1, skip: 2, undo: 3, redo: 4 } as const;
export const choices = { none: 0, low: 1, high: 2, tie: 3, bothGood: 4, bothBad: 5 } as const;

type Column = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

const columnNames = [
  'at',
  'offset',
  'length',
  'ms',
  'low',
  'high',
  'previous',
  'file',
  'kind',
  'repeat',
  'highFirst',
  'choice',
  'strength',
  'scale',
  'undone',
  'applied',
] as const;

export interface KeptEvents {
  readonly count: number;
  readonly ids: KeptIds;
  readonly columns: Pick<EventColumns, (typeof columnNames)[number]>;
}

/** Rows of numbers, one typed array a column; 100,000 of them take about 6 MB. */
export class EventColumns {
  count = 0;
  readonly ids: HexIds;
  at = new Float64Array(16);
  /** Where the line stands in its file. */
  offset = new Float64Array(16);
  length = new Uint32Array(16);
  ms = new Uint32Array(16);
  /** Numbers of the two responses, the smaller one first; −1 in undo and redo. */
  low = new Int32Array(16);
  high = new Int32Array(16);
  /** The event before it about the same comparison, standing or not; −1: none. */
  previous = new Int32Array(16);
  /** Its number. */
  file = new Uint16Array(16);
  kind = new Uint8Array(16);
  repeat = new Uint8Array(16);
  /** The response with the higher number was shown as A. */
  highFirst = new Uint8Array(16);
  choice = new Uint8Array(16);
  strength = new Uint8Array(16);
  scale = new Uint8Array(16);
  undone = new Uint8Array(16);
  /** It has its place in the order of events. */
  applied = new Uint8Array(16);

  constructor(kept?: KeptEvents) {
    this.ids = new HexIds(kept?.ids);
    if (kept === undefined) return;
    this.count = kept.count;
    Object.assign(this, kept.columns);
  }

  /** What makes the same rows again. */
  get kept(): KeptEvents {
    const columns = Object.fromEntries(columnNames.map((name) => [name, this[name]]));
    return { count: this.count, ids: this.ids.kept, columns: columns as KeptEvents['columns'] };
  }

  /**
   * Adds a row about no pair, and gives its number; −1: an event with this id is there already. The other columns are
   * the caller's to fill: an object a row would cost more than the rest of reading a line.
   *
   * @param place where the id's words begin in `ids`
   */
  push(ids: Words, place: number, at: number, kind: number): number {
    if (this.ids.add(ids, place) === -1) return -1;
    if (this.count === this.at.length) this.#grow();
    const row = this.count++;
    this.at[row] = at;
    this.kind[row] = kind;
    this.low[row] = -1;
    this.high[row] = -1;
    this.previous[row] = -1;
    return row;
  }

  /** @param swapped the second response was shown as A */
  setPair(row: number, first: number, second: number, swapped: boolean): void {
    const firstIsLow = first < second;
    this.low[row] = firstIsLow ? first : second;
    this.high[row] = firstIsLow ? second : first;
    this.highFirst[row] = Number(swapped === firstIsLow);
  }

  /** @param choice as in WrittenDecision: `low` stands for the first response, `high` for the second */
  setChoice(row: number, first: number, second: number, choice: number): void {
    const isSide = choice === choices.low || choice === choices.high;
    this.choice[row] = isSide && first > second ? choices.low + choices.high - choice : choice;
  }

  idOf(row: number): string {
    return uuidOf(this.ids.digitsOf(row));
  }

  /** −1: there is no event with this id. */
  rowOf(id: string): number {
    return isUuid(id) ? this.ids.find(wordsOf(id)) : -1;
  }

  #grow(): void {
    const capacity = grownCapacity(this.at.length);
    for (const name of columnNames) {
      const column = this[name];
      const larger = new (column.constructor as new (length: number) => Column)(capacity);
      larger.set(column);
      Object.assign(this, { [name]: larger });
    }
  }
}
