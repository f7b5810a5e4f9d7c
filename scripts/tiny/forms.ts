import type { Draws } from '../../server/demo/draws.ts';
import { capital, subjects } from '../../server/demo/reviews.ts';
import { days, hours, occasions, spots, visitors } from '../../server/demo/words.ts';
import type { Exchange } from './corpus.ts';

/** The forms of text in the training corpus that are not reviews: small grammars, each a function of its draws. */

const names = ['Anna', 'Tom', 'Ben', 'Clara', 'Ruth', 'Max', 'Nora', 'Paul'];
const animals = ['fox', 'hare', 'goat', 'owl', 'mouse', 'bear', 'cat', 'dog', 'horse', 'crow'];
const colours = ['red', 'blue', 'white', 'black', 'brown', 'yellow'];
const objects = ['key', 'coat', 'lamp', 'map', 'hat', 'bell', 'boat', 'box', 'cup', 'stone'];
const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
const directions = ['north', 'south', 'east', 'west'];

const subjectName = (draws: Draws) => draws.pick(subjects.train).name;
const foodOf = (draws: Draws) => {
  const eaten = subjects.train.flatMap(({ place }) => place.things).filter(({ kind }) => kind === 'food');
  return draws.pick(eaten).noun;
};
const withArticle = (noun: string) => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;

/** Two to four sentences of a day. */
export function diary(draws: Draws): Exchange {
  const day = draws.pick(days);
  const sentences = [diarySentence(draws), diarySentence(draws)];
  while (sentences.length < 4 && draws.chance(0.5)) sentences.push(diarySentence(draws));
  return { prompt: draws.pick([`Diary, ${day}:`, `What did you do on ${day}?`]), response: sentences.join(' ') };
}

function diarySentence(draws: Draws): string {
  const who = draws.pick(['I', 'I', 'I', 'we', draws.pick(visitors), draws.pick(names)]);
  const when = draws.chance(0.4) ? ` ${draws.pick(occasions)}` : '';
  const action = draws.pick([
    () => `${draws.pick(['walked', 'went', 'took the bus', 'ran'])} to the ${subjectName(draws)}`,
    () => `bought ${foodOf(draws)} and ${foodOf(draws)}`,
    () => `lost my ${draws.pick(colours)} ${draws.pick(objects)} ${draws.pick(spots)}`,
    () => `found ${withArticle(draws.pick(objects))} ${draws.pick(spots)}`,
    () => `cooked ${foodOf(draws)} for ${draws.pick(visitors)}`,
    () => `wrote to ${draws.pick(names)}`,
    () => `slept until ${draws.pick(hours)}`,
    () => `saw ${withArticle(draws.pick(animals))} ${draws.pick(spots)}`,
    () => `read about the ${subjectName(draws)}`,
    () => `was ${draws.pick(['happy', 'sad', 'tired', 'glad', 'angry', 'quiet', 'busy'])} all day`,
  ])();
  return `${capital(who)} ${who === 'we' || who === 'the children' ? action.replace(/^was/, 'were') : action}${when}.`;
}

/** A forecast of two sentences. */
export function weather(draws: Draws): Exchange {
  const day = draws.pick(days);
  const sky = () => draws.pick(['sun', 'rain', 'snow', 'fog', 'clouds', 'wind']);
  const sentence = draws.pick([
    () => `${capital(sky())} ${draws.pick(spots)} until ${draws.pick(hours)}.`,
    () => `${capital(sky())} and ${sky()} from the ${draws.pick(directions)}.`,
    () => `${capital(draws.pick(numbers))} degrees at ${draws.pick(hours)}.`,
  ]);
  const later = draws.pick([
    () => `Then ${sky()} from the ${draws.pick(directions)}.`,
    () => `At night ${sky()} and ${draws.pick(numbers)} degrees.`,
    () => `${capital(sky())} again on ${draws.pick(days)}.`,
  ]);
  return {
    prompt: draws.pick([`Weather for ${day}:`, `What will the weather be on ${day}?`]),
    response: `${sentence()} ${later()}`,
  };
}

/** A story of four sentences about two animals. */
export function story(draws: Draws): Exchange {
  const [hero, other] = [draws.pick(animals), draws.pick(animals)];
  const object = draws.pick(objects);
  const trait = draws.pick(['old', 'young', 'small', 'tall', 'kind', 'rude', 'quiet', ...colours]);
  const start = draws.pick([
    `There was once ${withArticle(trait)} ${hero} who lived ${draws.pick(spots)}.`,
    `${capital(withArticle(trait))} ${hero} lived ${draws.pick(spots)} with ${withArticle(other)}.`,
    `One day ${withArticle(trait)} ${hero} found ${withArticle(object)} ${draws.pick(spots)}.`,
  ]);
  const middle = draws.pick([
    `It met ${withArticle(other)} and asked for ${foodOf(draws)}.`,
    `It walked to the ${subjectName(draws)} and met ${withArticle(other)}.`,
    `${capital(draws.pick(occasions))} it saw ${withArticle(other)} with ${withArticle(object)}.`,
  ]);
  const reply = draws.pick([
    `"Where is my ${object}?" said the ${other}.`,
    `"It is ${draws.pick(spots)}," said the ${other}.`,
    `"Come with me," said the ${other}, "and bring the ${object}."`,
    `The ${other} said nothing and went to the ${subjectName(draws)}.`,
  ]);
  const end = draws.pick([
    `In the end they ate ${foodOf(draws)} and slept until ${draws.pick(hours)}.`,
    `So the ${hero} gave the ${object} to the ${other}.`,
    `Then the ${hero} ran home and never came again.`,
    `They lived ${draws.pick(spots)} for ${draws.pick(numbers.slice(1))} years.`,
  ]);
  return {
    prompt: draws.pick([`A story about ${withArticle(hero)}:`, `Tell me a story about ${withArticle(hero)}.`]),
    response: `${start} ${middle} ${reply} ${end}`,
  };
}

/** A short letter. */
export function letter(draws: Draws): Exchange {
  const [to, from] = [draws.pick(names), draws.pick(names)];
  const thanks = draws.pick([
    `thank you for the ${draws.pick(objects)}.`,
    `I found your ${draws.pick(colours)} ${draws.pick(objects)} ${draws.pick(spots)}.`,
    `${draws.pick(visitors)} will come on ${draws.pick(days)}.`,
    `the ${subjectName(draws)} opens again on ${draws.pick(days)}.`,
  ]);
  const plan = draws.pick([
    `Shall we go to the ${subjectName(draws)} on ${draws.pick(days)}?`,
    `Please bring ${foodOf(draws)} and ${foodOf(draws)}.`,
    `We will be at the ${subjectName(draws)} at ${draws.pick(hours)}.`,
    `Write to me ${draws.pick(occasions)}.`,
  ]);
  return { prompt: `Write to ${to}.`, response: `Dear ${to}, ${thanks} ${plan} Yours, ${from}` };
}

/** Questions with one short answer. */
export function question(draws: Draws): Exchange {
  const subject = draws.pick(subjects.train);
  const ends = draws.pick(hours);
  const [first, second] = [1 + Math.floor(draws.uniform() * 6), 1 + Math.floor(draws.uniform() * 6)];
  const eaten = subject.place.things.filter(({ kind }) => kind === 'food').map(({ noun }) => noun);
  const workers = subject.place.things.filter(({ kind, form }) => kind === 'person' && form === 'single');
  const asked: (() => Exchange)[] = [
    () => ({ prompt: `Where is the ${subject.name}?`, response: `It stands ${draws.pick(spots)}.` }),
    () => ({ prompt: `When does the ${subject.name} open?`, response: `It opens at ${ends}.` }),
    () => ({ prompt: `When does the ${subject.name} close?`, response: `It closes at ${ends}.` }),
    () => ({
      prompt: `What is ${numbers[first - 1]} and ${numbers[second - 1]}?`,
      response: `${capital(numbers[first + second - 1])}.`,
    }),
  ];
  if (eaten.length > 1) {
    asked.push(() => ({
      prompt: `What did you have at the ${subject.name}?`,
      response: `${capital(eaten[0])} and ${eaten[1]}.`,
    }));
  }
  if (workers.length > 0) {
    asked.push(() => ({
      prompt: `Who works at the ${subject.name}?`,
      response: `${capital(withArticle(draws.pick(workers).noun))}.`,
    }));
  }
  return draws.pick(asked)();
}
