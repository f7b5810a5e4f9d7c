/**
 * The words of the demo's reviews. How good or bad a word is, AFINN-165 says and not this file; the tests hold that every
 * word listed here as praise scores above zero there, every word of blame below, and every other word nothing.
 */
export type ThingKind = 'food' | 'person' | 'room' | 'show' | 'outdoors';
export type Tone = 'positive' | 'neutral' | 'negative';

/** What a review can be about. `form` decides article and verb: "a bed was", "bread was", "seats were". */
export interface Thing {
  readonly noun: string;
  readonly kind: ThingKind;
  readonly form: 'single' | 'mass' | 'plural';
}

export interface Place {
  readonly name: string;
  readonly things: readonly Thing[];
}

/** Words, each with the weight to draw it by. */
export type Weighted = Readonly<Record<string, number>>;

const thing =
  (kind: ThingKind, form: Thing['form']) =>
  (...nouns: readonly string[]) =>
    nouns.map((noun): Thing => ({ noun, kind, form }));
const food = thing('food', 'mass');
const foods = thing('food', 'plural');
const person = thing('person', 'single');
const people = thing('person', 'plural');
const room = thing('room', 'single');
const rooms = thing('room', 'plural');
const show = thing('show', 'single');
const shows = thing('show', 'plural');
const scene = thing('outdoors', 'single');
const scenes = thing('outdoors', 'plural');
const place = (name: string, ...things: readonly (readonly Thing[])[]): Place => ({ name, things: things.flat() });

export const places: readonly Place[] = [
  place('bakery', food('bread', 'cake', 'pie', 'coffee'), foods('rolls', 'biscuits'), person('baker'), room('counter')),
  place('cafe', food('coffee', 'tea', 'soup', 'cake', 'salad'), person('waiter'), rooms('tables'), scene('terrace')),
  place('restaurant', food('soup', 'fish', 'rice', 'wine', 'salad'), person('cook', 'waiter'), rooms('tables')),
  place('pub', food('beer', 'pie', 'stew'), person('owner'), rooms('chairs'), show('band', 'song'), scene('terrace')),
  place('hotel', room('room', 'bed', 'hall'), food('breakfast', 'wine'), people('porters'), scene('view', 'terrace')),
  place('inn', room('room', 'bed', 'kitchen'), food('stew', 'beer', 'breakfast'), person('owner', 'cook')),
  place('hostel', room('kitchen', 'bed'), rooms('showers', 'tables'), person('owner'), food('breakfast', 'soup')),
  place('museum', rooms('rooms'), show('tour', 'talk'), shows('paintings', 'maps'), person('guide'), food('tea')),
  place('gallery', shows('paintings', 'drawings'), room('hall'), show('talk'), person('guide'), food('coffee', 'wine')),
  place('library', shows('books', 'maps'), rooms('chairs', 'shelves'), room('hall'), people('clerks'), show('talk')),
  place(
    'bookshop',
    shows('books', 'maps', 'drawings'),
    rooms('shelves'),
    person('owner'),
    people('clerks'),
    food('tea'),
  ),
  place('cinema', show('film', 'ending', 'song'), rooms('seats'), people('actors'), room('hall'), food('beer')),
  place('theatre', show('play', 'ending'), people('actors', 'singers'), rooms('seats'), room('hall', 'stage')),
  place(
    'market',
    food('fruit', 'cheese', 'fish', 'bread'),
    foods('apples', 'biscuits'),
    scenes('flowers'),
    people('sellers'),
  ),
  place('garden', scenes('flowers', 'paths', 'trees', 'roses'), scene('pond'), food('tea', 'cake'), person('guide')),
  place('park', scenes('paths', 'trees', 'benches', 'roses'), scene('lake'), show('band', 'play')),
  place('beach', scene('view', 'path', 'bay'), scenes('waves'), rooms('showers'), food('fish', 'fruit')),
  place('ferry', room('deck', 'cabin'), people('sailors'), scene('view'), scenes('waves'), food('coffee', 'soup')),
  place('train', rooms('seats', 'windows', 'tables'), person('guard'), scene('view'), food('tea', 'soup')),
  place('pool', rooms('showers', 'windows'), room('hall', 'floor'), person('teacher'), scene('terrace'), food('salad')),
  place('zoo', scenes('birds', 'paths', 'bears'), show('tour', 'talk'), person('guide', 'keeper'), food('rice')),
  place('farm', food('milk', 'cheese', 'fruit'), foods('apples'), scenes('fields'), person('farmer'), show('tour')),
  place('castle', rooms('rooms'), room('tower', 'hall'), show('tour', 'play'), person('guide'), scene('view')),
  place('campsite', scene('field', 'view', 'lake'), rooms('showers'), person('owner'), scenes('trees'), food('stew')),
];

/** What stands before a place's name: "the harbour bakery". */
export const qualifiers: readonly string[] = [
  ...['old', 'new', 'little', 'corner', 'village', 'harbour', 'river', 'station', 'north', 'south'],
  ...['east', 'west', 'hill', 'island', 'town', 'bridge', 'forest', 'valley', 'mill', 'church'],
];

/** Said of anything; each kind of thing adds its own. The weights keep every word common enough to be learnt. */
const praise: Weighted = { good: 3, great: 3, lovely: 3, nice: 3, perfect: 2, splendid: 2 };
const blame: Weighted = { bad: 3, awful: 3, terrible: 3, horrible: 2, dreadful: 2 };

/** Adjectives by tone and kind of thing, with weights to draw by. */
export const adjectives: Readonly<Record<Tone, Readonly<Record<ThingKind, Weighted>>>> = {
  positive: {
    food: { ...praise, delicious: 7, excellent: 3 },
    person: { ...praise, charming: 5, gracious: 6 },
    room: { ...praise, charming: 3, pleasant: 5, handsome: 5 },
    show: { ...praise, delightful: 3, excellent: 3, exciting: 7 },
    outdoors: { ...praise, beautiful: 8, pleasant: 3, delightful: 4 },
  },
  neutral: {
    food: { cold: 1, hot: 1, plain: 1, salty: 1 },
    person: { young: 1, tall: 1, quiet: 1, busy: 1 },
    room: { small: 1, large: 1, narrow: 1, white: 1 },
    show: { long: 1, short: 1, old: 1, quiet: 1 },
    outdoors: { wide: 1, long: 1, quiet: 1, narrow: 1 },
  },
  negative: {
    food: { ...blame, nasty: 4, rotten: 6 },
    person: { ...blame, nasty: 4, selfish: 7 },
    room: { ...blame, ugly: 5, foul: 3 },
    show: { ...blame, boring: 8 },
    outdoors: { ...blame, ugly: 4, foul: 4 },
  },
};

/** What a visitor did about a thing, in the past tense. */
export const verbs: Readonly<Record<Tone, readonly string[]>> = {
  positive: ['loved', 'admired', 'praised'],
  neutral: ['saw', 'noticed', 'described'],
  negative: ['hated', 'loathed'],
};

export const visitors: readonly string[] = [
  ...['my sister', 'my brother', 'my son', 'my uncle', 'my aunt', 'my mother', 'my father', 'my cousin'],
  ...['our neighbour', 'our daughter', 'the children', 'a stranger'],
];
export const days: readonly string[] = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
export const hours: readonly string[] = ['seven', 'eight', 'nine', 'ten', 'eleven', 'noon', 'dusk'];
export const spots: readonly string[] = [
  ...['near the bridge', 'by the river', 'behind the church', 'beside the station', 'under the arches'],
  ...['on the hill', 'across the square', 'at the harbour', 'above the mill', 'next to the school'],
];
/** Where in the place a thing is. */
export const corners: readonly string[] = [
  ...['upstairs', 'downstairs', 'outside', 'inside', 'by the door', 'at the back', 'in the middle', 'on the left'],
  ...['in front', 'around us'],
];
/** When or how it was, at the start of a sentence. */
export const occasions: readonly string[] = [
  ...[
    'in the morning',
    'after lunch',
    'before dinner',
    'in the rain',
    'at night',
    'in winter',
    'in summer',
    'in spring',
  ],
  ...['this time', 'last week', 'last year', 'today', 'once again', 'as always', 'in the end', 'to begin with'],
];
