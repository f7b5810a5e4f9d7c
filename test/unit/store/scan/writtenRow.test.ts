import assert from 'node:assert/strict';
import fc from 'fast-check';
import { promptIdOf, responseIdOf } from '../../../../server/store/contentIds.ts';
import { parseJsonLine } from '../../../../server/store/jsonLines.ts';
import { responsesOf } from '../../../../server/store/responseRows.ts';
import { scan } from '../../../../server/store/scan/scan.ts';
import { jsonTextAt } from '../../../../server/store/scan/writtenRow.ts';
import { WrittenResponse } from '../../../../server/store/writtenResponse.ts';

const texts = fc.oneof(
  { weight: 8, arbitrary: fc.string().map((text) => `A${text}`) },
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme' }).map((text) => `It is ${text}`) },
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('Two\nlines.', '"Quoted", she said.', 'a\\b', 'x\u007f\u2028', 'half \ud800', ' a', 'a ', '\u0001'),
);
/** Rows as the store writes them, and now and then with what a row may hold besides. */
const lines = fc
  .record({
    prompt: texts,
    completion: texts,
    finished: fc.constantFrom(undefined, false, true),
    model: fc.option(texts, { nil: undefined }),
    chosen: fc.constantFrom(undefined, undefined, undefined, 'c'),
  })
  .map((row) => JSON.stringify(row));

interface Read {
  readonly promptId: string;
  readonly prompt: string;
  readonly id: string;
  readonly text: string;
  readonly finished: boolean;
  readonly model?: string;
}

/** Undefined: it was left to the parser. */
function scanned(line: Buffer): Read | undefined {
  const bytes = Buffer.concat([line, Buffer.from('\n')]);
  const { plain, ids, textStarts, textEnds, finished, models, modelOf, ...rest } = scan('responses', bytes);
  if (plain[0] !== 1) return undefined;
  const prompt = jsonTextAt(bytes, rest.promptStarts[0], rest.promptEnds[0]);
  const read = { promptId: rest.promptIds, prompt, id: ids, text: jsonTextAt(bytes, textStarts[0], textEnds[0]) };
  const model = models[modelOf[0]];
  return { ...read, finished: finished[0] === 1, ...(model === '' ? {} : { model }) };
}

function parsed(line: Buffer): Read {
  const row = parseJsonLine('f', 2, line);
  assert.ok(row !== undefined);
  const [{ prompt, parts, finished, model }] = responsesOf(row);
  const [part] = parts;
  assert.ok(typeof prompt === 'string' && part.type === 'text');
  const promptId = promptIdOf(prompt);
  const id = responseIdOf(promptId, [part]);
  return { promptId, prompt, id, text: part.text, finished, ...(model === undefined ? {} : { model }) };
}

/** True: it was read without the parser, and as the parser reads it. */
function readAlike(line: Buffer): boolean {
  const read = scanned(line);
  if (read === undefined) return false;
  assert.deepEqual(read, parsed(line), line.toString());
  return true;
}

describe('a row of responses as the store writes it', () => {
  it('is read as it is with a parser of JSON', () => {
    let quick = 0;
    fc.assert(
      fc.property(lines, (line) => {
        if (readAlike(Buffer.from(line))) quick++;
      }),
      { numRuns: 3000 },
    );
    assert.ok(quick > 300, `${quick} of 3000 without a parser`);
  });

  it('changed anywhere it is read alike, or left to the parser', () => {
    const put = fc.oneof(
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom('"', '\\', '\\u0041', '\\/', '\\n', '\r', ' ', '}', ',').map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(lines, fc.nat(), fc.nat({ max: 2 }), put, (line, place, cut, added) => {
        const bytes = Buffer.from(line);
        const at = place % (bytes.length + 1);
        const changed = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + cut)]);
        if (!changed.includes(0x0a)) readAlike(changed);
      }),
      { numRuns: 30_000 },
    );
  });

  it('is left to the parser where a limit or a blank text is to be told', () => {
    const line = (completion: string) => Buffer.from(JSON.stringify({ prompt: 'a', completion }));
    assert.ok(readAlike(line('x'.repeat(200_000))));
    for (const text of ['', ' ', '\n', 'x'.repeat(200_001)]) assert.equal(readAlike(line(text)), false);
  });
});

describe('rows that name many models', () => {
  it('are left to the parser from the 256th model on', () => {
    const lines = Array.from({ length: 20_000 }, (_, k) =>
      JSON.stringify({ prompt: 'a', completion: `b${k}`, model: `m${k}` }),
    );
    const { plain, models, modelOf } = scan('responses', Buffer.from(`${lines.join('\n')}\n`));
    const count = 255;
    assert.deepEqual([models.length, models[1], models[count]], [count + 1, 'm0', `m${count - 1}`]);
    assert.deepEqual([...plain.slice(0, count + 2)].lastIndexOf(1), count - 1);
    assert.equal(modelOf[count - 1], count);
  });
});

describe('a response that is kept as its bytes', () => {
  const responseOf = (text: string) => {
    const bytes = Buffer.from(JSON.stringify(text));
    return new WrittenResponse('id', true, undefined, { bytes, start: 1, end: bytes.length - 1 });
  };

  it('looks like another one just where the texts are the same but for white space around them', () => {
    const endings = fc.array(fc.constantFrom('a', 'b', ' ', '\n', '\t', '\\', 'n', '\u00a0', '"'), { maxLength: 4 });
    fc.assert(
      fc.property(endings, endings, (a, b) => {
        const [one, other] = [`x${a.join('')}`, `x${b.join('')}`];
        assert.equal(responseOf(one).looksLike(responseOf(other)), one.trim() === other.trim());
      }),
      { numRuns: 5000 },
    );
  });

  it('is written as any other', () => {
    const parts = [{ type: 'text', text: 'Two\nlines.' }];
    assert.deepEqual(JSON.parse(JSON.stringify(responseOf('Two\nlines.'))), { id: 'id', parts, finished: true });
  });
});
