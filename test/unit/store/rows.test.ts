import assert from 'node:assert/strict';
import { UserError } from '../../../server/errors.ts';
import { readCompletionRows, readJudgedRows, readPreferenceRows, readPromptRows } from '../../../server/store/rows.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const user = { role: 'user', content: 'Hi?' };
const yes = { role: 'assistant', content: 'Yes.' };
const no = { role: 'assistant', content: 'No.' };
const readers = { readPromptRows, readPreferenceRows, readJudgedRows, readCompletionRows };

describe('rows of JSONL files', () => {
  const folder = temporaryFolder();
  const lines = (...values: unknown[]) =>
    values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('\n');

  const read: [reader: keyof typeof readers, content: string, expected: unknown[]][] = [
    [
      'readPromptRows',
      lines({ prompt: 'a ' }, { messages: [user] }, { prompt: [user] }),
      [{ prompt: 'a ' }, { messages: [user] }, { messages: [user] }],
    ],
    [
      'readPromptRows',
      '\ufeff{"prompt":"a"}\r\n\r\n  \n{"prompt":"b\u2028c"}\r\n',
      [{ prompt: 'a' }, { prompt: 'b\u2028c' }],
    ],
    ['readPromptRows', lines({ prompt: 'a', chosen: 'x', rejected: 'y', score: 3, messages: null }), [{ prompt: 'a' }]],
    [
      'readJudgedRows',
      lines({ text: 't' }, { prompt: 'p', completion: 'c' }, { messages: [user, yes] }),
      [
        { text: 't' },
        { prompt: 'p', completion: 'c', finished: true },
        { prompt: [user], completion: 'Yes.', finished: true },
      ],
    ],
    [
      'readCompletionRows',
      lines(
        { prompt: [user], completion: [yes], finished: false },
        { prompt: 'p', chosen: 'c', rejected: 'r', chosen_finished: false },
      ),
      [
        { prompt: [user], completion: 'Yes.', finished: false },
        { prompt: 'p', completion: 'c', finished: false },
      ],
    ],
    [
      'readPreferenceRows',
      lines({ prompt: 'p', chosen: 'c', rejected: 'r' }),
      [{ prompt: 'p', chosen: 'c', rejected: 'r', chosenFinished: true, rejectedFinished: true }],
    ],
    [
      'readPreferenceRows',
      lines({ prompt: 'p', chosen: 'c', rejected: 'r', margin: 0.5 }),
      [{ prompt: 'p', chosen: 'c', rejected: 'r', chosenFinished: true, rejectedFinished: true, margin: 0.5 }],
    ],
    [
      'readPreferenceRows',
      lines({ prompt: [user], chosen: [yes], rejected: [no], rejected_finished: false }),
      [{ prompt: [user], chosen: 'Yes.', rejected: 'No.', chosenFinished: true, rejectedFinished: false }],
    ],
    [
      'readPreferenceRows',
      lines(
        { chosen: [user, yes], rejected: [user, no] },
        { prompt: 'Hi?', chosen: [user, yes], rejected: [user, no] },
        { prompt: 'Hi?', chosen: [yes], rejected: [no] },
      ),
      Array(3).fill({ prompt: [user], chosen: 'Yes.', rejected: 'No.', chosenFinished: true, rejectedFinished: true }),
    ],
    // TRL's extract_prompt: the space before the first difference belongs to the answers.
    [
      'readPreferenceRows',
      lines({ chosen: 'The sky is blue.', rejected: 'The sky is red.' }),
      [{ prompt: 'The sky is', chosen: ' blue.', rejected: ' red.', chosenFinished: true, rejectedFinished: true }],
    ],
    [
      'readPreferenceRows',
      lines({ chosen: 'Mood:😀', rejected: 'Mood:😁' }),
      [{ prompt: 'Mood:', chosen: '😀', rejected: '😁', chosenFinished: true, rejectedFinished: true }],
    ],
  ];
  for (const [reader, content, expected] of read) {
    it(`${reader} reads ${JSON.stringify(content.slice(0, 80))}`, () => {
      assert.deepEqual(readers[reader](folder.write('rows.jsonl', content)), expected);
    });
  }

  const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
  const refused: [reader: keyof typeof readers, content: string | Uint8Array, message: RegExp][] = [
    ['readPromptRows', '', /rows\.jsonl is empty/],
    ['readPromptRows', '\n \r\n', /rows\.jsonl is empty/],
    [
      'readPromptRows',
      lines({ prompt: 'a' }, '', '{"prompt": "b'),
      /rows\.jsonl:3: this line is not valid JSON: "\{\\"prompt/,
    ],
    ['readPromptRows', lines([{ prompt: 'a' }]), /:1: a JSON object is expected, .*line of its own/],
    ['readPromptRows', lines(good, 3), /:2: a JSON object is expected, not "3"/],
    ['readPromptRows', lines({ promt: 'a', id: 1 }), /:1: .*should be \{prompt\} or \{messages\}; found: promt, id\./],
    ['readPromptRows', lines({}), /found: no columns/],
    ['readPromptRows', lines({ prompt: 7 }), /:1: prompt should be a list of messages, not number "7"/],
    ['readPromptRows', lines({ prompt: ' \n' }), /:1: prompt is empty/],
    ['readPromptRows', lines({ messages: [] }), /messages is an empty list/],
    ['readPromptRows', lines({ messages: 'x' }), /messages should be a list of messages/],
    ['readPromptRows', lines({ messages: [{ role: 'user' }] }), /messages\[0\]\.content should be text, not absent/],
    [
      'readPromptRows',
      lines({ messages: [{ role: 'user', content: [{ type: 'text' }] }] }),
      /messages\[0\]\.content should be text, not a list/,
    ],
    ['readPromptRows', lines({ messages: ['x'] }), /messages\[0\] should be \{role, content\}/],
    ['readPromptRows', lines({ messages: [user, yes] }), /nothing to answer/],
    [
      'readPromptRows',
      lines({ prompt: 'x'.repeat(200_001) }),
      /:1: prompt has 200,001 characters; the limit is 200,000/,
    ],
    ['readPromptRows', '{"prompt":"\\ud800"}', /half of a surrogate pair/],
    [
      'readPromptRows',
      Buffer.from([...Buffer.from('{"prompt":"a"}\n{"prompt":"'), 0xff, ...Buffer.from('"}')]),
      /:2: this line is not UTF-8/,
    ],
    ['readPromptRows', Buffer.from('\ufeff{"prompt":"a"}', 'utf16le'), /UTF-16/],
    [
      'readJudgedRows',
      lines({ prompt: 'a' }),
      /should be \{text\}, \{messages\} or \{prompt, completion\}; found: prompt/,
    ],
    ['readJudgedRows', lines({ completion: 'a' }), /the column prompt is missing; found: completion/],
    ['readJudgedRows', lines({ messages: [user] }), /end with the role "user"/],
    ['readJudgedRows', lines({ messages: [yes] }), /nothing before it/],
    ['readJudgedRows', lines(good, { text: 'a' }), /:2: this row has one answer, line 1 has two/],
    ['readJudgedRows', lines({ text: 'a' }, good), /:2: this row has two answers, line 1 has one/],
    ['readCompletionRows', lines({ text: 'a' }), /\{prompt, completion\} or \{messages\}; found: text/],
    [
      'readCompletionRows',
      lines({ prompt: 'a', completion: 'b', finished: 'no' }),
      /finished should be true or false, not string "no"/,
    ],
    ['readCompletionRows', lines({ prompt: 'a', completion: '' }), /completion is empty/],
    [
      'readPreferenceRows',
      lines({ prompt: 'a', response: 'b' }),
      /:1: the columns chosen and rejected are missing; found: prompt, response/,
    ],
    ['readPreferenceRows', lines(good, { prompt: 'a', chosen: 'b' }), /:2: the column rejected is missing/],
    ['readPreferenceRows', lines({ ...good, rejected: 'c' }), /:1: chosen and rejected are the same text, "c"/],
    ['readPreferenceRows', lines({ ...good, chosen: ' ' }), /chosen is empty/],
    ['readPreferenceRows', lines({ ...good, chosen: 5 }), /chosen should be text, not number "5"/],
    ['readPreferenceRows', lines({ ...good, chosen_finished: 1 }), /chosen_finished should be true or false/],
    ['readPreferenceRows', lines({ ...good, margin: -1 }), /margin should be a number of at least 0, not -1/],
    ['readPreferenceRows', lines({ chosen: [user, yes], rejected: [user, yes] }), /same conversation/],
    ['readPreferenceRows', lines({ chosen: [user, yes], rejected: [no] }), /share no beginning/],
    [
      'readPreferenceRows',
      lines({ chosen: [user, yes, user, yes], rejected: [user, no] }),
      /chosen should add one assistant's turn to the prompt, not "assistant, user, assistant"/,
    ],
    [
      'readPreferenceRows',
      lines({ prompt: [user], chosen: [user, yes], rejected: [no] }),
      /chosen should add one assistant's turn/,
    ],
    ['readPreferenceRows', lines({ chosen: 'Yes', rejected: 'No' }), /no prompt column/],
    ['readPreferenceRows', lines({ chosen: 'Yes', rejected: 'Yes' }), /same text/],
    [
      'readPreferenceRows',
      lines({ chosen: 'It is so', rejected: 'It is' }),
      /rejected \(after the prompt that both share\) is empty/,
    ],
    [
      'readPreferenceRows',
      '{"__proto__": {"chosen": "a", "rejected": "b"}, "prompt": "p"}',
      /chosen and rejected are missing/,
    ],
  ];
  for (const [reader, content, message] of refused) {
    it(`${reader} refuses ${JSON.stringify(String(content).slice(0, 80))}`, () => {
      const file = folder.write('rows.jsonl', content);
      assert.throws(
        () => readers[reader](file),
        (error) => error instanceof UserError && message.test(error.message) && error.message.length < 700,
        `expected ${message}`,
      );
    });
  }

  it('says when there is no file, or it is a folder', () => {
    assert.throws(
      () => readPromptRows('/nowhere/rows.jsonl'),
      /UserError: Cannot read \/nowhere\/rows\.jsonl: there is no such file/,
    );
    assert.throws(() => readPromptRows(folder.path), /it is a folder/);
  });
});
