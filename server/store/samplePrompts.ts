import { reviewPrompts } from '../demo/reviews.ts';
import { embeddedModel } from '../library/names.ts';

const sampleCount = 20;

/**
 * What a new project asks first. The embedded model knows reviews of places and nothing else: it is asked for those.
 *
 * @param model as palate.json names it
 */
export function samplePrompts(model: string): readonly string[] {
  return model === embeddedModel ? reviewPrompts('train').slice(0, sampleCount) : instructions;
}

/** The text of guidelines.md that goes with them. */
export function sampleGuidelines(model: string): string {
  return model === embeddedModel ? reviewGuidelines : instructionGuidelines;
}

/** Short, of many kinds, and answerable by a small model. */
const instructions: readonly string[] = [
  'Explain to a ten-year-old why the sky is blue.',
  'Write two sentences that welcome a new colleague to the team.',
  'What is the difference between a list and a tuple in Python?',
  'Suggest a name for a small bakery, and say why.',
  'Summarise the rules of chess in three sentences.',
  'Write a polite reply that declines an invitation to a party.',
  'How do I remove the last commit in git but keep my changes?',
  'Describe the taste of an orange without naming a fruit.',
  'Give me three tips for falling asleep sooner.',
  'Write a haiku about the sea in winter.',
  'My tests pass alone but fail together. Where should I look first?',
  'Turn this into plain English: "The aforementioned party shall remit payment forthwith."',
  'What should I see in one afternoon in a town by the sea?',
  'Write a commit message for a change that fixes a crash on empty input.',
  'Is it better to learn one language well or three a little?',
  'Write a short scene in which two strangers wait for a late train.',
  'How much water does a tomato plant need in summer?',
  'Explain what a hash function is, with one example from daily life.',
  'Write a regular expression for a date such as 2026-01-31, and explain each part.',
  'Give an honest compliment to somebody who tried hard and failed.',
];

const reviewGuidelines = `# Guidelines

Which review would rather make you want to go there?

- **Cheerful, about the place that was asked for**, and without contradicting itself.
- Length does not matter.
- Where both are equally good or equally bad, say so (tie, both good, both bad) instead of guessing.
- Where you cannot judge, skip.
`;

const instructionGuidelines = `# Guidelines

Which answer would you rather have got?

- **Right** goes before well written: a false statement loses against a plain true one.
- **To the point**: what was not asked for is no merit.
- **Kind and clear**: no lecture, no flattery.
- Where both are equally good or equally bad, say so (tie, both good, both bad) instead of guessing.
- Where you cannot judge, skip.
`;
