import type { LabelProgress } from '../protocol/types.ts';
import { type AnnotatorLabels, type ComparisonKey, comparisonKey, partsOfKey } from '../store/annotatorLabels.ts';
import type { ContentSnapshot } from '../store/content.ts';
import { kinds } from '../store/eventColumns.ts';
import { Pacer } from '../store/pacer.ts';
import type { ResponseNumbers } from '../store/responseNumbers.ts';
import { drawsOf } from './draws.ts';
import { isGoldPlace, openGold } from './goldPlaces.ts';
import { PairTable } from './pairTable.ts';
import { Tally } from './tally.ts';

export interface AskingSettings {
  /** Share of pairs that come back. */
  readonly repeat: number;
  /** Of sides and of what comes back. */
  readonly seed: number;
}

/** A comparison as one annotator sees it: A, then B. */
export interface Asked {
  readonly responses: readonly [string, string];
  readonly repeat: boolean;
  readonly shown: readonly [string, string];
}

/**
 * Which pair to ask next. Prompts with the fewest labels come first, of several the one that stands first in the files;
 * within a prompt every response is shown before any comes again (pairing.ts). A share of the decided pairs comes back
 * with sides swapped, not before twenty other pairs, and at most every tenth time while there is anything new.
 */
export class LabelQueue {
  readonly #numbers: ResponseNumbers;
  #table: PairTable | undefined;
  #settings: AskingSettings = { repeat: 0, seed: 0 };
  #tallies = new Map<AnnotatorLabels, Tally>();
  #gold: readonly (readonly [number, number])[] = [];
  /** Labels of all annotators, by prompt. */
  #seen = new Int32Array(0);

  constructor(numbers: ResponseNumbers) {
    this.#numbers = numbers;
  }

  /** Takes another content or other settings, and the labels of every annotator anew. */
  async restart(
    content: ContentSnapshot,
    settings: AskingSettings,
    annotators: Iterable<AnnotatorLabels>,
  ): Promise<void> {
    const pacer = new Pacer();
    this.#settings = settings;
    this.#table = await PairTable.of(content, this.#numbers, pacer);
    this.#gold = content.gold.pairs.map(({ chosen, rejected }) => {
      const [a, b] = [this.#numbers.number(chosen.id), this.#numbers.number(rejected.id)];
      return [Math.min(a, b), Math.max(a, b)];
    });
    this.#seen = new Int32Array(this.#table.prompts);
    this.#tallies = new Map();
    for (const labels of annotators) {
      await this.#tallyOf(labels).takeOver(this.#count, pacer);
    }
  }

  /** A comparison stands otherwise than before. */
  change(labels: AnnotatorLabels, key: ComparisonKey, before: number, after: number): void {
    if (this.#table !== undefined) this.#tallyOf(labels).change(key, before, after, this.#count);
  }

  /** The next `count` comparisons beside those that the annotator still has on the screen. */
  next(labels: AnnotatorLabels, count: number, held: readonly ComparisonKey[]): Asked[] {
    const asked: Asked[] = [];
    const taken = new Set(held);
    const ask = (low: number, high: number, repeat: boolean) => {
      taken.add(comparisonKey(low, high, repeat));
      asked.push(this.asked(labels, low, high, repeat));
    };
    const tally = this.#tallyOf(labels);
    const { low, high } = labels.events;
    const repeatHeld = held.some((key) => partsOfKey(key).repeat);
    const due = repeatHeld || count < 1 ? -1 : tally.dueRepeat(taken, { all: false });
    if (due !== -1) ask(low[due], high[due], true);
    this.#askOpen(tally, taken, () => asked.length < count, ask);
    while (asked.length < count) {
      const late = tally.dueRepeat(taken, { all: true });
      if (late === -1) break;
      ask(low[late], high[late], true);
    }
    return this.#withGold(labels, asked, taken, held.length).slice(0, count);
  }

  /** Puts gold questions where they are due: at one place of twelve, which annotator and seed decide. */
  #withGold(
    labels: AnnotatorLabels,
    asked: readonly Asked[],
    taken: ReadonlySet<ComparisonKey>,
    held: number,
  ): Asked[] {
    if (this.#gold.length === 0) return [...asked];
    const open = openGold(this.#gold, labels, taken);
    const mixed: Asked[] = [];
    let place = labels.standing.length + held;
    for (const one of asked) {
      if (isGoldPlace(place, this.#settings.seed, labels.name)) {
        const pair = open.next();
        if (!pair.done) {
          mixed.push(this.asked(labels, ...pair.value, false));
          place++;
        }
      }
      mixed.push(one);
      place++;
    }
    return mixed;
  }

  /** How the annotator sees a pair: by chance, the repetition the other way round than it was decided. */
  asked(labels: AnnotatorLabels, low: number, high: number, repeat: boolean): Asked {
    const ids = [this.#numbers.id(low), this.#numbers.id(high)].sort();
    const responses = [ids[0], ids[1]] as const;
    const first = labels.current(comparisonKey(low, high, false));
    const shown: readonly [string, string] =
      this.#draws('sides', labels)(low, high) < 0.5 ? responses : [ids[1], ids[0]];
    if (!repeat) return { responses, repeat, shown };
    if (first === -1) return { responses, repeat, shown: [shown[1], shown[0]] };
    const wasFirst = this.#numbers.id(labels.events.highFirst[first] === 1 ? high : low);
    return { responses, repeat, shown: wasFirst === ids[0] ? [ids[1], ids[0]] : responses };
  }

  /** Why nothing is asked, when nothing is. */
  get hasPairs(): boolean {
    return (this.#table?.groups.length ?? 0) > 0;
  }

  get table(): PairTable | undefined {
    return this.#table;
  }

  progress(labels: AnnotatorLabels): LabelProgress {
    const tally = this.#tallyOf(labels);
    const { textPreferences, imagePreferences } = this.preferences();
    const pace = paceOf(labels);
    return {
      decided: labels.decided,
      skipped: labels.skipped,
      remaining: tally.open + tally.dueRepeats,
      textPreferences,
      imagePreferences,
      ...(pace === undefined ? {} : { pace }),
      canUndo: labels.undoable !== -1,
      canRedo: labels.redoable !== -1,
    };
  }

  /** Of all annotators. */
  preferences(): { textPreferences: number; imagePreferences: number } {
    const sum = { textPreferences: 0, imagePreferences: 0 };
    for (const { textPreferences, imagePreferences } of this.#tallies.values()) {
      sum.textPreferences += textPreferences;
      sum.imagePreferences += imagePreferences;
    }
    return sum;
  }

  readonly #count = (prompt: number, by: number): void => {
    this.#seen[prompt] += by;
  };

  #tallyOf(labels: AnnotatorLabels): Tally {
    let tally = this.#tallies.get(labels);
    if (tally === undefined) {
      const { repeat } = this.#settings;
      const draw = this.#draws('repeat', labels);
      tally = new Tally(labels, this.#table as PairTable, (low, high) => repeat > 0 && draw(low, high) < repeat);
      this.#tallies.set(labels, tally);
    }
    return tally;
  }

  /** Of pairs by the numbers of their responses. */
  #draws(purpose: 'sides' | 'repeat', { name }: AnnotatorLabels): (a: number, b: number) => number {
    const numbers = this.#numbers;
    const draw = drawsOf(purpose, this.#settings.seed, name);
    return (a, b) => {
      const inOrder = numbers.compare(a, b) < 0;
      return draw(numbers.firstWord(inOrder ? a : b), numbers.firstWord(inOrder ? b : a));
    };
  }

  /** Asks open pairs, a pair of each prompt with the fewest labels before a second one of any. */
  #askOpen(
    tally: Tally,
    taken: ReadonlySet<ComparisonKey>,
    more: () => boolean,
    ask: (low: number, high: number, repeat: boolean) => void,
  ): void {
    const table = this.#table as PairTable;
    // What is on the screen or was picked just now counts as labelled.
    const extra = new Map<number, number>();
    const left = new Map<number, number>();
    const take = (group: number) => {
      const { prompt } = table.groups[group];
      extra.set(prompt, (extra.get(prompt) ?? 0) + 1);
      left.set(group, (left.get(group) ?? tally.left[group]) - 1);
    };
    for (const key of taken) {
      const { low, high, repeat } = partsOfKey(key);
      const group = repeat ? -1 : table.groupOf(low, high);
      if (group !== -1 && tally.labels.current(key) === -1) take(group);
    }
    while (more()) {
      const groups = this.#leastSeen(tally, extra, left);
      if (groups.length === 0) return;
      const asked = new Set<number>();
      for (const group of groups) {
        const { prompt } = table.groups[group];
        if (!more()) return;
        if (asked.has(prompt)) continue;
        const pair = openPair(table, tally, group, taken);
        if (pair === undefined) {
          left.set(group, 0);
          continue;
        }
        asked.add(prompt);
        ask(...pair, false);
        take(group);
      }
    }
  }

  /** The groups with open pairs whose prompts have the fewest labels: one pass over small columns. */
  #leastSeen(tally: Tally, extra: ReadonlyMap<number, number>, left: ReadonlyMap<number, number>): number[] {
    const { groups } = this.#table as PairTable;
    let least = Number.POSITIVE_INFINITY;
    let found: number[] = [];
    for (let group = 0; group < groups.length; group++) {
      if ((left.get(group) ?? tally.left[group]) <= 0) continue;
      const { prompt } = groups[group];
      const seen = this.#seen[prompt] + (extra.get(prompt) ?? 0);
      if (seen > least) continue;
      if (seen < least) found = [];
      least = seen;
      if (found.length < mostGroups) found.push(group);
    }
    return found;
  }
}

const mostGroups = 256;

function openPair(
  table: PairTable,
  tally: Tally,
  group: number,
  taken: ReadonlySet<ComparisonKey>,
): readonly [number, number] | undefined {
  for (const [a, b] of table.pairs(group)) {
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = comparisonKey(low, high, false);
    if (!taken.has(key) && tally.labels.current(key) === -1) return [low, high];
  }
  return undefined;
}

/** Median seconds a decision, over the last twenty. */
function paceOf({ standing, events }: AnnotatorLabels): number | undefined {
  const times: number[] = [];
  for (let k = standing.length - 1; k >= 0 && times.length < 20; k--) {
    const row = standing[k];
    if (events.kind[row] === kinds.decide) times.push(events.ms[row] / 1000);
  }
  if (times.length < 3) return undefined;
  times.sort((a, b) => a - b);
  const middle = times.length / 2;
  return (times[Math.floor(middle)] + times[Math.ceil(middle) - 1]) / 2;
}
