import * as v from 'valibot';
import { parseConfig } from '../config.ts';
import { UserError } from '../errors.ts';
import { readComparisonId } from '../feedback/comparisonId.ts';
import type { Decision, Skip } from '../protocol/types.ts';
import type { ContentSnapshot } from './content.ts';
import { type Tie, ties } from './feedbackEvents.ts';
import { showable } from './gold.ts';

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0));
const pairEntries = { comparison: v.string(), shown: v.tuple([v.string(), v.string()]), ms: milliseconds };

const decisionMessage = v.object({
  ...pairEntries,
  choice: v.string(),
  strength: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  scale: v.picklist([2, 4, 6, 8]),
  aspects: v.record(text(200), v.pipe(v.number(), v.finite())),
  comment: text(20_000),
});

const skipMessage = v.object({ ...pairEntries, reason: text(20_000) });

/** A comparison that a decision or a skip names, held against the responses that there are. */
export interface CheckedPair {
  readonly prompt: string;
  readonly responses: readonly [string, string];
  readonly shown: readonly [string, string];
  readonly repeat: boolean;
}

/** @throws UserError where it is no decision about a comparison of this project */
export function checkDecision(value: unknown, content: ContentSnapshot): { decision: Decision; pair: CheckedPair } {
  const decision = parseConfig(decisionMessage, value, 'The decision was not saved');
  const pair = checkPair(decision, content);
  const { choice, strength, scale, aspects } = decision;
  const refuse = (why: string): never => {
    throw new UserError(`The decision was not saved: ${why}`);
  };
  const most = scale / 2;
  if (ties.includes(choice as Tie)) {
    if (strength !== undefined) refuse(`a ${choice} has no strength (found ${strength}).`);
  } else if (!pair.responses.includes(choice)) {
    refuse('its choice is neither of the responses shown, nor "tie", "bothGood" or "bothBad".');
  } else if (strength === undefined || strength > most) {
    refuse(`its strength should be 1 to ${most} on a scale of ${scale}, not ${strength ?? 'absent'}.`);
  }
  for (const [aspect, rating] of Object.entries(aspects)) {
    if (Math.abs(rating) > most)
      refuse(`the rating of ${JSON.stringify(aspect)} should be −${most} to ${most}, not ${rating}.`);
  }
  return { decision, pair };
}

/** @throws UserError where it is not about a comparison of this project */
export function checkSkip(value: unknown, content: ContentSnapshot): { skip: Skip; pair: CheckedPair } {
  const skip = parseConfig(skipMessage, value, 'Nothing was skipped');
  return { skip, pair: checkPair(skip, content) };
}

function checkPair(
  { comparison, shown }: Pick<Decision, 'comparison' | 'shown'>,
  content: ContentSnapshot,
): CheckedPair {
  const name = readComparisonId(comparison);
  if (name === undefined) throw new UserError(`There is no comparison ${JSON.stringify(comparison.slice(0, 100))}.`);
  const { responses, repeat } = name;
  const [a, b] = responses.map((id) => showable(content, id));
  if (a === undefined || b === undefined) {
    throw new UserError(
      'Nothing was saved: a response of this comparison was changed or taken away. Go on with the next pair.',
    );
  }
  if (a.prompt.id !== b.prompt.id || a.modality !== b.modality) {
    throw new UserError(
      'Nothing was saved: the two responses do not answer the same prompt with the same kind of thing.',
    );
  }
  if (shown[0] === shown[1] || !responses.includes(shown[0]) || !responses.includes(shown[1])) {
    throw new UserError('Nothing was saved: what was shown are not the two responses of this comparison.');
  }
  return { prompt: a.prompt.id, responses, shown, repeat };
}
