import { type Draws, drawsFor, shuffled } from './draws.ts';
import type { Place, Thing, Tone } from './words.ts';
import { adjectives, corners, days, hours, occasions, places, qualifiers, spots, verbs, visitors } from './words.ts';

/** A prompt and an answer to it, in TRL's column names. */
export interface ReviewRow {
  readonly prompt: string;
  /** Starts with a space: prompt and completion are joined as they are. */
  readonly completion: string;
}

/** Prompts are split by what they ask about (qualifier and place), so that no held-out place was ever seen. */
export type PromptSplit = 'train' | 'heldOut';

export const promptForms: readonly ((subject: string) => string)[] = [
  (subject) => `Review of the ${subject}:`,
  (subject) => `How was the ${subject}?`,
  (subject) => `What did you think of the ${subject}?`,
  (subject) => `Tell me about the ${subject}.`,
  (subject) => `Was the ${subject} as you remembered?`,
  (subject) => `Two lines on the ${subject}:`,
];

/** What a prompt asks about: "harbour bakery". */
export interface Subject {
  readonly place: Place;
  readonly name: string;
}

/** Every fifth pairing of qualifier and place is held out, spread so that each place and each qualifier is on both sides. */
export const subjects: Readonly<Record<PromptSplit, readonly Subject[]>> = (() => {
  const split: Record<PromptSplit, Subject[]> = { train: [], heldOut: [] };
  places.forEach((place, placeIndex) => {
    qualifiers.forEach((qualifier, qualifierIndex) => {
      const side = (placeIndex + qualifierIndex) % 5 === 0 ? 'heldOut' : 'train';
      split[side].push({ place, name: `${qualifier} ${place.name}` });
    });
  });
  return split;
})();

/** All prompts of one side of the split, in an order that mixes places and forms (the same in every run). */
export function reviewPrompts(split: PromptSplit): string[] {
  const prompts = subjects[split].flatMap((subject) => promptForms.map((form) => form(subject.name)));
  return shuffled(prompts, drawsFor(0, `order of the ${split} prompts`, 0));
}

/**
 * The text that the demo's SFT learns from: reviews of two sentences, about half of them positive by the rule of
 * judge.ts, a seventh neither. Row i of a seed is the same whatever `count` is.
 */
export function reviewRows(options: { count: number; seed: number; split: PromptSplit }): ReviewRow[] {
  return Array.from({ length: options.count }, (_, row) => {
    const draws = drawsFor(options.seed, `${options.split} reviews`, row);
    const subject = draws.pick(subjects[options.split]);
    const prompt = draws.pick(promptForms)(subject.name);
    return { prompt, completion: ` ${review(subject.place, draws)}` };
  });
}

/** What a writer felt about the whole place; each thing named in the review leans on it. */
export type Mood = 'pleased' | 'unmoved' | 'displeased';

export const moods: Readonly<Record<Mood, number>> = { pleased: 0.5, unmoved: 0.14, displeased: 0.36 };

const tonesOfMood: Readonly<Record<Mood, Readonly<Record<Tone, number>>>> = {
  pleased: { positive: 0.94, neutral: 0.06, negative: 0 },
  unmoved: { positive: 0, neutral: 1, negative: 0 },
  displeased: { positive: 0, neutral: 0.06, negative: 0.94 },
};

const weightOfTone: Readonly<Record<Tone, number>> = { positive: 1, neutral: 0, negative: -1 };

/** One review in the demo's style: a sentence about one or two things, then another or a plain fact. */
function review(place: Place, draws: Draws): string {
  const writer = new ReviewWriter(place, draws);
  const opening = writer.opening();
  return `${opening} ${writer.closing()}`;
}

/** Adjectives that take no "very". */
const extremes = new Set(['perfect', 'excellent', 'delicious', 'splendid']);

/** Writes the sentences of one review, in one mood; no thing is named twice. */
export class ReviewWriter {
  /** Praise minus blame so far, in words. */
  balance = 0;
  /** Two things were judged in one sentence: what follows is a fact, so that no review praises or blames three times. */
  private full = false;
  private readonly things: Thing[];
  private readonly mood: Mood;
  private readonly draws: Draws;

  constructor(place: Place, draws: Draws) {
    this.mood = draws.pickWeighted(moods);
    this.things = shuffled(place.things, draws);
    this.draws = draws;
  }

  /** The first sentence, about one thing or two. */
  opening(): string {
    const { draws } = this;
    const thing = this.next();
    switch (draws.pickWeighted({ one: 2, two: 2.5, but: 1, found: 2.5, when: 3, where: 2 })) {
      case 'two':
        this.full = true;
        return `The ${this.judged(thing)} and the ${this.judged(this.next())}.`;
      case 'but':
        return this.concession(thing);
      case 'found':
        return `${this.found(thing)} ${this.described(thing)}${this.circumstance()}.`;
      case 'when':
        return `${capital(this.occasion())} the ${this.judged(thing)}.`;
      case 'where':
        return `The ${thing.noun} ${draws.pick(corners)} ${this.judgement(thing)}.`;
      default:
        return `The ${this.judged(thing)}${this.circumstance()}.`;
    }
  }

  /** The second sentence: about another thing, or a plain fact. */
  closing(): string {
    const { draws } = this;
    const form = draws.pickWeighted({ one: 1, verb: 3, said: 2.5, even: 1.5, where: 1, fact: 1 });
    if (this.full || form === 'fact') return this.fact();
    const thing = this.next();
    const who = draws.pick(visitors);
    switch (form) {
      case 'verb':
        return `${capital(draws.pick(['I', 'we', who]))} ${this.reaction()} the ${thing.noun}${this.circumstance()}.`;
      case 'said':
        return `${capital(who)} ${draws.pick(['said', 'thought', 'wrote'])} the ${this.judged(thing)}.`;
      case 'even':
        return `${draws.pick(['Even', 'Besides,', 'Also'])} the ${this.judged(thing)}${this.circumstance()}.`;
      case 'where':
        return `${capital(draws.pick(corners))} the ${this.judged(thing)}.`;
      default:
        return `The ${this.judged(thing)}${this.circumstance()}.`;
    }
  }

  /** A sentence without sentiment. */
  fact(): string {
    const { draws } = this;
    const who = draws.pick(visitors);
    switch (draws.pick(['stands', 'opens', 'came', 'stayed', 'went', 'sat'])) {
      case 'stands':
        return `It stands ${draws.pick(spots)}.`;
      case 'opens':
        return `It ${draws.pick(['opens', 'closes'])} at ${draws.pick(hours)}.`;
      case 'came':
        return `${capital(who)} came along ${this.occasion()}.`;
      case 'stayed':
        return `We stayed until ${draws.pick(hours)} with ${who}.`;
      case 'sat':
        return `${capital(who)} sat ${draws.pick(corners)}.`;
      default:
        return `We went with ${who} on ${draws.pick(days)}.`;
    }
  }

  /** "The soup was awful, but the waiter was charming": opposite tones, the mood's own last. */
  private concession(thing: Thing): string {
    const last: Tone = this.mood === 'pleased' ? 'positive' : 'negative';
    const first: Tone = last === 'positive' ? 'negative' : 'positive';
    return `The ${this.judged(thing, first)}, but the ${this.judged(this.next(), last)}.`;
  }

  /** "soup was lovely" */
  private judged(thing: Thing, tone = this.tone()): string {
    return `${thing.noun} ${this.judgement(thing, tone)}`;
  }

  /** "was lovely", "were very nice"; one time in sixty by way of denial: "was not awful". */
  private judgement(thing: Thing, tone = this.tone()): string {
    const { draws } = this;
    const verb = thing.form === 'plural' ? 'were' : 'was';
    const denied = tone !== 'neutral' && draws.chance(1 / 60);
    const spoken = denied ? (tone === 'positive' ? 'negative' : 'positive') : tone;
    const adjective = draws.pickWeighted(adjectives[spoken][thing.kind]);
    this.balance += weightOfTone[tone];
    if (denied) return `${verb} not ${adjective}`;
    const degree = extremes.has(adjective) ? '' : draws.pickWeighted({ '': 4, 'very ': 2, 'so ': 1, 'rather ': 1 });
    return `${verb} ${degree}${adjective}`;
  }

  /** "a lovely room", "cold soup" */
  private described(thing: Thing): string {
    const tone = this.tone();
    const adjective = this.draws.pickWeighted(adjectives[tone][thing.kind]);
    this.balance += weightOfTone[tone];
    if (thing.form !== 'single') return `${adjective} ${thing.noun}`;
    return `${/^[aeiou]/.test(adjective) ? 'an' : 'a'} ${adjective} ${thing.noun}`;
  }

  /** "loved", "saw", "hated" */
  private reaction(): string {
    const tone = this.tone();
    this.balance += weightOfTone[tone];
    return this.draws.pick(verbs[tone]);
  }

  /** When, where or with whom, at the end of a sentence; nothing one time in six. */
  private circumstance(): string {
    const { draws } = this;
    switch (draws.pick(['none', 'when', 'when', 'where', 'with', 'spot'])) {
      case 'when':
        return ` ${this.occasion()}`;
      case 'where':
        return ` ${draws.pick(corners)}`;
      case 'with':
        return ` with ${draws.pick(visitors)}`;
      case 'spot':
        return ` ${draws.pick(spots)}`;
      default:
        return '';
    }
  }

  private occasion(): string {
    const { draws } = this;
    switch (draws.pick(['day', 'hour', 'occasion', 'occasion'])) {
      case 'day':
        return `on ${draws.pick(days)}`;
      case 'hour':
        return `at ${draws.pick(hours)}`;
      default:
        return draws.pick(occasions);
    }
  }

  private found(thing: Thing): string {
    const found = this.draws.pick(['we found', 'I found', 'they had', 'I remember', 'there was']);
    return capital(found === 'there was' && thing.form === 'plural' ? 'there were' : found);
  }

  private tone(): Tone {
    return this.draws.pickWeighted(tonesOfMood[this.mood]);
  }

  private next(): Thing {
    const thing = this.things.pop();
    if (!thing) throw new Error('A review names more things than its place has.');
    return thing;
  }
}

/** The text with its first letter in upper case. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
