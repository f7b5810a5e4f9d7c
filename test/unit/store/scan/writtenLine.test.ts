import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { choices } from '../../../../server/store/eventColumns.ts';
import { readFeedback } from '../../../../server/store/feedbackEvents.ts';
import { wordsOf } from '../../../../server/store/hexIds.ts';
import { readWrittenLine } from '../../../../server/store/scan/writtenLine.ts';

const contentId = fc.stringMatching(/^[0-9a-f]{32}$/);
const rarely = <Value>(value: fc.Arbitrary<Value>, usual: Value) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: value });
/** Changes of month and of century too. */
const times = fc.oneof(
  fc.date({ min: new Date('1990-01-01'), max: new Date('3001-01-01'), noInvalidDate: true }),
  fc.constantFrom('2024-02-29T23:59:59.999Z', '2100-02-28T00:00:00.000Z').map((text) => new Date(text)),
);

/** Lines as the store writes them, and now and then with what it may hold besides. */
const lines = fc
  .record({
    annotator: rarely(fc.string({ minLength: 1 }), 'Ann B. <ann@example.org>'),
    at: times,
    prompt: contentId,
    responses: fc.uniqueArray(contentId, { minLength: 2, maxLength: 2 }),
    swapped: fc.boolean(),
    repeat: fc.boolean(),
    choice: fc.constantFrom('first', 'second', 'tie', 'bothGood', 'bothBad'),
    strength: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    scale: rarely(fc.integer({ min: 0, max: 300 }), 4),
    aspects: rarely(fc.dictionary(fc.string(), fc.integer()), {}),
    comment: rarely(fc.string(), ''),
    ms: rarely(fc.maxSafeNat(), 1500),
    event: rarely(fc.constantFrom('decide', 'skip'), 'decide'),
    id: rarely(
      fc.uuid().map((id) => id.toUpperCase()),
      randomUUID(),
    ),
  })
  .map(({ id, at, annotator, prompt, responses, swapped, repeat, choice, strength, event, ...rest }) => {
    const sorted = [...responses].sort();
    const { scale, aspects, comment, ms } = rest;
    return JSON.stringify({
      v: 1,
      id,
      at: at.toISOString(),
      annotator,
      event,
      prompt,
      responses: sorted,
      shown: swapped ? [sorted[1], sorted[0]] : sorted,
      ...(repeat && { repeat }),
      choice: choice === 'first' ? sorted[0] : choice === 'second' ? sorted[1] : choice,
      ...(strength === undefined ? {} : { strength }),
      scale,
      aspects,
      comment,
      ms,
      app: '0.1.0',
    });
  });

/** True: it was read without the parser, and as the parser reads it. */
function readAlike(text: string): boolean {
  const written = readWrittenLine(Buffer.from(text));
  if (written === undefined) return false;
  const event = readFeedback(JSON.parse(text));
  assert.ok(typeof event === 'object' && event.event === 'decide', text);
  const { id, at, annotator, responses, shown, repeat, choice, strength, scale, ms } = event;
  const sides: Readonly<Record<string, number>> = {
    [responses[0]]: choices.low,
    [responses[1]]: choices.high,
    ...choices,
  };
  assert.deepEqual(
    { ...written },
    {
      ...{ id: wordsOf(id), at, annotator, first: wordsOf(responses[0]), second: wordsOf(responses[1]) },
      ...{ swapped: shown[0] === responses[1], repeat, choice: sides[choice as string], strength, scale, ms },
    },
  );
  return true;
}

describe('a line as the store writes it', () => {
  it('is read as it is with a parser of JSON', () => {
    let quick = 0;
    fc.assert(
      fc.property(lines, (line) => {
        if (readAlike(line)) quick++;
      }),
      { numRuns: 3000 },
    );
    assert.ok(quick > 1000, `${quick} of 3000 without a parser`);
  });

  it('changed anywhere it is read alike, or left to the parser', () => {
    const put = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom('0', '9', 'a', 'A', '"', '\\', '\r', ' ', '-', '.5', 'e2'),
    );
    fc.assert(
      fc.property(lines, fc.nat(), fc.nat({ max: 2 }), put, (line, place, cut, added) => {
        const at = place % (line.length + 1);
        readAlike(line.slice(0, at) + added + line.slice(at + cut));
      }),
      { numRuns: 30_000 },
    );
  });

  it('has digits where digits should be: of all bytes 0 to 9 and a to f are', () => {
    const [line] = fc.sample(lines.filter(readAlike), { numRuns: 1, seed: 1 });
    const at = line.indexOf('"prompt":"') + '"prompt":"'.length;
    for (let place = at; place < at + 4; place++) {
      const bytes = Buffer.from(line);
      const accepted = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => {
        bytes[place] = byte;
        return readWrittenLine(bytes) !== undefined;
      });
      assert.equal(String.fromCharCode(...accepted), '0123456789abcdef');
    }
  });

  it('is read where it stands, and nothing behind its end', () => {
    const [line] = fc.sample(lines.filter(readAlike), { numRuns: 1, seed: 1 });
    const bytes = Buffer.from(`${line}\n${line}\n`);
    const [start, end] = [line.length + 1, 2 * line.length + 1];
    const alone = structuredClone(readWrittenLine(Buffer.from(line)));
    assert.ok(alone !== undefined);
    assert.deepEqual({ ...readWrittenLine(bytes, start, end) }, alone);
    for (const [from, to] of [
      [start, end - 1],
      [start, start + 100],
      [start, start],
      [start, end + 1],
      [start + 1, end],
    ]) {
      assert.equal(readWrittenLine(bytes, from, to), undefined, `${from}–${to}`);
    }
  });

  it('is left to the parser where only a parser knows what to say', () => {
    const [prompt, first, second] = ['1', '2', '3'].map((digit) => digit.repeat(32));
    const whole = {
      ...{ v: 1, id: randomUUID(), at: '2026-02-01T12:00:00.000Z', annotator: 'ann', event: 'decide', prompt },
      ...{ responses: [first, second], shown: [second, first], choice: first, strength: 2, scale: 4 },
      ...{ aspects: {}, comment: '', ms: 12, app: '0.1.0' },
    };
    const text = JSON.stringify(whole);
    assert.ok(readAlike(text));
    assert.ok(readAlike(JSON.stringify({ ...whole, comment: 'but' })));
    for (const [from, to] of [
      ['2026-02-01', '2026-13-01'],
      ['2026-02-01', '2026-02-29'],
      ['T12:', 'T24:'],
      ['"v":1', '"v":2'],
      ['"ms":12', '"ms":012'],
      ['"ms":12', '"ms":-1'],
      ['"scale":4', '"scale":4.5'],
      ['"event":"decide"', '"event":"undo"'],
      [`"choice":"${first}"`, `"choice":"${prompt}"`],
      [`"shown":["${second}"`, `"shown":["${first}"`],
      [`"responses":["${first}"`, `"responses":["${second}"`],
      ['"comment":""', '"comment":"a \\"but\\""'],
      ['"comment":""', '"comment":"a "but"'],
      ['"comment":""', '"comment":"\t"'],
      ['"comment":""', '"comment":"é"'],
    ]) {
      assert.ok(text.includes(from), from);
      assert.equal(readWrittenLine(Buffer.from(text.replace(from, to))), undefined, to);
    }
  });
});
