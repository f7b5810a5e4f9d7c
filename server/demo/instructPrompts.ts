import { drawsFor, shuffled } from './draws.ts';

/** Questions that an instruct model answers now with a list, now in a paragraph. */
const forms: readonly ((topic: string) => string)[] = [
  (topic) => `Give me five tips for ${topic}.`,
  (topic) => `What are three benefits of ${topic}?`,
  (topic) => `List the steps to start with ${topic}.`,
  (topic) => `What should a beginner know about ${topic}?`,
  (topic) => `What are the most common mistakes in ${topic}? List them.`,
];

const topics = [
  ...['baking bread', 'growing tomatoes', 'learning the piano', 'running a marathon', 'keeping bees', 'sailing'],
  ...['watching birds', 'writing letters', 'playing chess', 'mending clothes', 'painting walls', 'hiking alone'],
  ...['cooking rice', 'making tea', 'training a dog', 'reading poetry', 'speaking in public', 'saving money'],
  ...['fixing a bicycle', 'taking photographs', 'sleeping well', 'learning a language', 'planting trees', 'camping'],
  ...['knitting', 'swimming in the sea', 'moving house', 'drawing faces', 'making friends', 'studying history'],
  ...['telling stories', 'choosing a book', 'visiting a museum', 'fishing', 'keeping a diary', 'dancing'],
  ...['carving wood', 'pruning roses', 'brewing coffee', 'stargazing', 'singing in a choir', 'juggling'],
];

/** Split by topic: no held-out topic is ever trained on. */
export const instructPrompts = (() => {
  const mixed = shuffled(topics, drawsFor(0, 'instruct topics', 0));
  const of = (part: readonly string[], name: string) =>
    shuffled(
      part.flatMap((topic) => forms.map((form) => form(topic))),
      drawsFor(0, name, 0),
    );
  return { train: of(mixed.slice(0, 31), 'instruct train'), heldOut: of(mixed.slice(31), 'instruct held out') };
})();
