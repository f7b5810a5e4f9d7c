import type { AnnotatorLabels } from '../store/annotatorLabels.ts';
import { comparisonKey, partsOfKey } from '../store/annotatorLabels.ts';
import { choices, kinds } from '../store/eventColumns.ts';
import type { GoldAnswers } from '../store/gold.ts';
import type { Pacer } from '../store/pacer.ts';
import type { ResponseNumbers } from '../store/responseNumbers.ts';
import type { VotedPair } from './votes.ts';

export interface AnnotatorAgreement {
  readonly name: string;
  /** Comparisons decided, repetitions included. */
  readonly decisions: number;
  /** Share of A among the decisions for a side, and how many these are. One half is fair: sides are drawn by chance. */
  readonly prefersA: { readonly share: number; readonly of: number };
  /** Pairs decided twice, with sides swapped: how many got the same answer, and how many the same side instead. */
  readonly repeats: { readonly pairs: number; readonly same: number; readonly sameSide: number };
  /** Gold questions decided, and how many got the right answer; a tie is none. */
  readonly gold: { readonly pairs: number; readonly right: number };
}

export interface Agreement {
  readonly annotators: readonly AnnotatorAgreement[];
  /** Over all pairs with two annotators or more. */
  readonly between: {
    readonly pairs: number;
    /** Of two annotators' answers about such a pair, the share that is the same. */
    readonly share: number;
    /** Krippendorff's α for names: 1 is full agreement, 0 what chance would give. */
    readonly alpha: number;
  };
}

/** How far the labels can be trusted. Shares are NaN where there is nothing to take a share of. */
export async function agreementOf(
  annotators: Iterable<AnnotatorLabels>,
  pairs: AsyncIterable<VotedPair>,
  numbers: ResponseNumbers,
  pacer: Pacer,
  gold: GoldAnswers = new Map(),
): Promise<Agreement> {
  const people = [...annotators].filter(({ decided }) => decided > 0).sort((a, b) => (a.name < b.name ? -1 : 1));
  const each: AnnotatorAgreement[] = [];
  for (const labels of people) each.push(await agreementWithOneself(labels, gold, pacer));
  return { annotators: each, between: await agreementBetween(pairs, numbers) };
}

async function agreementWithOneself(
  labels: AnnotatorLabels,
  gold: GoldAnswers,
  pacer: Pacer,
): Promise<AnnotatorAgreement> {
  const { choice, highFirst, kind } = labels.events;
  let [a, sides, twice, same, sameSide, questions, right] = [0, 0, 0, 0, 0, 0, 0];
  const isSide = (row: number) => choice[row] === choices.low || choice[row] === choices.high;
  const choseA = (row: number) => (choice[row] === choices.high) === (highFirst[row] === 1);
  for (const key of labels.comparisons()) {
    if (pacer.isTired) await pacer.rest();
    const row = labels.current(key);
    if (row === -1 || kind[row] !== kinds.decide) continue;
    if (isSide(row)) {
      sides++;
      if (choseA(row)) a++;
    }
    const { low, high, repeat } = partsOfKey(key);
    const answer = gold.get(key);
    if (answer !== undefined) {
      questions++;
      if (answer === { [choices.low]: low, [choices.high]: high }[choice[row]]) right++;
    }
    const again = repeat ? -1 : labels.current(comparisonKey(low, high, true));
    if (again === -1 || kind[again] !== kinds.decide) continue;
    twice++;
    if (answerOf(choice[row]) === answerOf(choice[again])) same++;
    else if (isSide(row) && isSide(again) && choseA(row) === choseA(again)) sameSide++;
  }
  return {
    name: labels.name,
    decisions: labels.decided,
    prefersA: { share: a / sides, of: sides },
    repeats: { pairs: twice, same, sameSide },
    gold: { pairs: questions, right },
  };
}

/** Ties of every kind are one answer. */
function answerOf(choice: number): number {
  return choice === choices.low || choice === choices.high ? choice : choices.tie;
}

/**
 * Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", for names: α = 1 − observed / expected
 * disagreement, each pair weighted by 1 / (annotators − 1).
 */
async function agreementBetween(
  pairs: AsyncIterable<VotedPair>,
  numbers: ResponseNumbers,
): Promise<Agreement['between']> {
  const totals = new Map<number, number>();
  let [shared, agreeing, agreed, values] = [0, 0, 0, 0];
  for await (const { votes, low, high } of pairs) {
    // By ids: which response has the lower number depends on what was read first.
    const swapped = numbers.id(low) > numbers.id(high);
    const answers = votes
      .filter(({ row }) => row !== -1)
      .map(({ labels, row }) => answerOf(labels.events.choice[row]))
      .map((answer) => (swapped && answer !== choices.tie ? choices.low + choices.high - answer : answer));
    const count = answers.length;
    if (count < 2) continue;
    shared++;
    values += count;
    for (const answer of answers) {
      totals.set(answer, (totals.get(answer) ?? 0) + 1);
      const others = answers.filter((other) => other === answer).length - 1;
      agreeing += others / (count - 1);
      agreed += others / (count - 1) / count;
    }
  }
  const byChance = [...totals.values()]
    .sort((a, b) => a - b)
    .reduce((sum, total) => sum + (total * (total - 1)) / (values * (values - 1)), 0);
  const observed = agreeing / values;
  return { pairs: shared, share: agreed / shared, alpha: byChance === 1 ? 1 : (observed - byChance) / (1 - byChance) };
}
