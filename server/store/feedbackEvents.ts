import type { Choice } from '../protocol/types.ts';
import { isContentId } from './contentIds.ts';
import { isUuid } from './hexIds.ts';
import { excerpt } from './jsonLines.ts';

/** Of the lines of feedback/*.jsonl. Newer ones are kept and not read. */
export const feedbackVersion = 1;

export const ties = ['tie', 'bothGood', 'bothBad'] as const;
export type Tie = (typeof ties)[number];

/** A line of feedback/*.jsonl, as it is written. */
export type FeedbackLine = {
  readonly v: number;
  readonly id: string;
  /** ISO 8601, later than every earlier one of the same annotator. */
  readonly at: string;
  readonly annotator: string;
  /** Palate's version. */
  readonly app: string;
} & (DecideLine | SkipLine | TakeBackLine);

interface PairLine {
  readonly prompt: string;
  /** Sorted. */
  readonly responses: readonly [string, string];
  /** A, then B. */
  readonly shown: readonly [string, string];
  /** The pair came back with its sides swapped. */
  readonly repeat?: true;
  readonly ms: number;
}

export interface DecideLine extends PairLine {
  readonly event: 'decide';
  readonly choice: Choice;
  readonly strength?: number;
  readonly scale: number;
  readonly aspects: Readonly<Record<string, number>>;
  readonly comment: string;
}

export interface SkipLine extends PairLine {
  readonly event: 'skip';
  readonly reason: string;
}

export interface TakeBackLine {
  readonly event: 'undo' | 'redo';
  /** Id of the decide or skip. */
  readonly of: string;
}

/** What the index needs of a line. */
export type FeedbackEvent = {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly annotator: string;
} & (PairEvent | TakeBackLine);

export interface PairEvent {
  readonly event: 'decide' | 'skip';
  readonly responses: readonly [string, string];
  readonly shown: readonly [string, string];
  readonly repeat: boolean;
  /** Undefined: skipped. */
  readonly choice: Choice | undefined;
  readonly strength: number;
  readonly scale: number;
  readonly ms: number;
}

/**
 * Reads a line's object. 'newer': of a later version; 'unknown': an event that this version does not know. Both are
 * kept in the file.
 *
 * @throws Error whose message is the end of a sentence: what is wrong with it
 */
export function readFeedback(value: Readonly<Record<string, unknown>>): FeedbackEvent | 'newer' | 'unknown' {
  const { v, id, at, annotator, event } = value;
  if (typeof v !== 'number' || v < 1) throw new Error(`v should be ${feedbackVersion}`);
  if (v > feedbackVersion) return 'newer';
  if (event !== 'decide' && event !== 'skip' && event !== 'undo' && event !== 'redo') {
    if (typeof event === 'string') return 'unknown';
    throw new Error('event is missing');
  }
  if (!isUuid(id)) throw new Error('id should be a UUID');
  if (typeof annotator !== 'string' || annotator === '') throw new Error('annotator is missing');
  const time = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (!(time >= 0 && time < latest)) throw new Error(`at should be a time, as "2026-01-31T12:00:00.000Z"`);
  if (event === 'undo' || event === 'redo') {
    if (typeof value.of !== 'string') throw new Error('of is missing');
    return { id, at: time, annotator, event, of: value.of };
  }
  const { responses, shown, repeat, choice, strength, scale, ms } = readPair(value, event);
  return { id, at: time, annotator, event, responses, shown, repeat, choice, strength, scale, ms };
}

/** The year 9000: a time beyond it leaves no room for later ones. */
const latest = Date.UTC(9000, 0);

function readPair(value: Readonly<Record<string, unknown>>, event: 'decide' | 'skip'): Omit<PairEvent, 'event'> {
  const responses = readIds(value.responses);
  const shown = readShown(value.shown, responses);
  const ms = typeof value.ms === 'number' && value.ms >= 0 ? value.ms : 0;
  const repeat = value.repeat === true;
  if (event === 'skip') return { responses, shown, repeat, choice: undefined, strength: 0, scale: 0, ms };
  const { choice, strength, scale } = value;
  if (choice !== responses[0] && choice !== responses[1] && !ties.includes(choice as Tie)) {
    throw new Error(`choice is ${excerpt(String(choice))}, which is neither response nor a tie`);
  }
  return { responses, shown, repeat, choice: choice as Choice, strength: small(strength), scale: small(scale), ms };
}

function readIds(value: unknown): [string, string] {
  if (
    !Array.isArray(value) ||
    value.length !== 2 ||
    !isContentId(value[0]) ||
    !isContentId(value[1]) ||
    value[0] === value[1]
  ) {
    throw new Error('responses should be the ids of two responses');
  }
  return value as [string, string];
}

/** Absent: in the order of the ids. */
function readShown(value: unknown, responses: readonly [string, string]): readonly [string, string] {
  if (value === undefined) return responses;
  if (Array.isArray(value)) {
    if (value[0] === responses[0] && value[1] === responses[1]) return responses;
    if (value[0] === responses[1] && value[1] === responses[0]) return [responses[1], responses[0]];
  }
  throw new Error('shown should be the two responses, A then B');
}

const small = (value: unknown): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 256 ? value : 0;
