import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { makeLabelledProject } from '../../../scripts/benches/support/labels.ts';
import { type AnnotatorLabels, partsOfKey } from '../../../server/store/annotatorLabels.ts';
import { choices } from '../../../server/store/eventColumns.ts';
import { FeedbackIndex } from '../../../server/store/feedbackIndex.ts';
import { KeptFiles } from '../../../server/store/kept/keptFiles.ts';
import { decodeRecord, encodeRecord, recordsIn, sealed } from '../../../server/store/kept/keptRecord.ts';
import { ResponseNumbers } from '../../../server/store/responseNumbers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the index of large logs', () => {
  const temporary = temporaryFolder();
  let made: string;
  let number = 0;
  const home = () => join(temporary.path, 'home-of-this-person');

  before(async () => {
    made = join(temporary.path, 'made');
    mkdirSync(made);
    await makeLabelledProject(made, { decisions: 4000 });
    assert.ok(statSync(join(made, 'feedback', 'ann.jsonl')).size < 2 ** 20, 'only both logs together are large');
  });

  function project() {
    const folder = join(temporary.path, `project-${number++}`);
    mkdirSync(join(folder, 'feedback'), { recursive: true });
    const log = (name: string) => join(folder, 'feedback', name);
    for (const name of ['ann.jsonl', 'ben.jsonl']) copyFileSync(join(made, 'feedback', name), log(name));
    return { folder, log, kept: join(folder, '.palate', 'cache', 'kept', 'feedback.bin') };
  }

  /** What an index says, in words that do not depend on how it came to know. */
  async function said(index: FeedbackIndex, numbers: ResponseNumbers) {
    const about = ({ events }: AnnotatorLabels, row: number) => {
      if (row === -1) return undefined;
      const [low, high] = [events.low[row], events.high[row]].map((response) => numbers.id(response));
      const choice = { [choices.low]: low, [choices.high]: high }[events.choice[row]] ?? events.choice[row];
      return [events.idOf(row), choice, events.highFirst[row] === 1 ? high : low, events.ms[row]];
    };
    const annotators = [...index.annotators.values()].map((labels) => ({
      name: labels.name,
      counts: [labels.decided, labels.skipped, labels.events.count],
      standing: labels.standing.map((row) => about(labels, row)),
      undoable: about(labels, labels.undoable),
      redoable: about(labels, labels.redoable),
      comparisons: Object.fromEntries(
        [...labels.comparisons()].map((key) => {
          const { low, high, repeat } = partsOfKey(key);
          const ids = [numbers.id(low), numbers.id(high)].sort();
          return [`${ids} ${repeat}`, about(labels, labels.current(key))];
        }),
      ),
    }));
    const lines = [];
    for (const labels of index.annotators.values()) {
      lines.push(await index.readLine(labels, 0), await index.readLine(labels, labels.events.count - 1));
    }
    return { annotators, lines, problems: index.problems, newer: index.newer };
  }

  /** Opens and closes the index of a project. `whose` key: of somebody who has kept nothing all is read anew. */
  async function opened(folder: string, whose = home()) {
    const numbers = new ResponseNumbers();
    const keptFiles = new KeptFiles(folder, whose);
    const told: string[] = [];
    const index = new FeedbackIndex(folder, numbers, keptFiles, {
      changed: (_, key) => told.push(`${key}`),
      restarted: () => told.push('restarted'),
    });
    await index.refresh();
    await keptFiles.close();
    return { index, numbers, told, said: await said(index, numbers) };
  }

  /** The same of a copy of the logs, of which nothing is kept. */
  async function anew(folder: string) {
    const copy = project();
    rmSync(join(copy.folder, 'feedback'), { recursive: true });
    mkdirSync(join(copy.folder, 'feedback'));
    for (const name of new Set(['ann.jsonl', 'ben.jsonl', 'cleo.jsonl'])) {
      const from = join(folder, 'feedback', name);
      const stats = statSync(from, { throwIfNoEntry: false });
      if (stats?.isFile()) copyFileSync(from, copy.log(name));
      else if (stats !== undefined) mkdirSync(copy.log(name));
    }
    return (await opened(copy.folder)).said;
  }

  const decision = (annotator: string, id: number, at: string, rest: object = {}) =>
    `${JSON.stringify({
      v: 1,
      id: `00000000-0000-4000-8000-${`${id}`.padStart(12, '0')}`,
      at,
      annotator,
      event: 'decide',
      prompt: '1'.repeat(32),
      responses: ['2'.repeat(32), 'a'.repeat(32)],
      shown: ['a'.repeat(32), '2'.repeat(32)],
      choice: 'a'.repeat(32),
      strength: 1,
      scale: 4,
      aspects: {},
      comment: '',
      ms: 1500,
      app: '0.1.0',
      ...rest,
    })}\n`;

  it('is kept, and says the same at the next opening without a line being taken', async () => {
    const { folder, kept } = project();
    const first = await opened(folder);
    assert.deepEqual(
      first.index.annotators.get('ann')?.events.count,
      2000,
      'decisions, skips, undos and redos are all events',
    );
    assert.ok(first.told.length > 3000);
    const written = statSync(kept).mtimeMs;
    const second = await opened(folder);
    assert.deepEqual(second.said, first.said);
    assert.deepEqual(second.told, []);
    assert.equal(statSync(kept).mtimeMs, written, 'nothing was new');
  });

  it('goes on from what was kept, whatever is added', async () => {
    const event = fc.record({
      kind: fc.constantFrom('decide', 'older', 'undo', 'redo', 'again', 'unreadable', 'unfinished'),
      who: fc.constantFrom('ann', 'ben', 'cleo'),
      nth: fc.nat(1999),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { maxLength: 6 }), { minLength: 1, maxLength: 3 }),
        async (sessions) => {
          const { folder, log } = project();
          await opened(folder);
          const known = readFileSync(log('ann.jsonl'), 'utf8').split('\n');
          let id = 0;
          for (const session of sessions) {
            for (const { kind, who, nth } of session) {
              const at = `2027-01-01T00:00:${`${id++ % 60}`.padStart(2, '0')}.000Z`;
              const of = JSON.parse(known[nth]).id;
              const lines: Record<string, string> = {
                decide: decision(who, id, at),
                older: decision(who, id, '2026-01-01T00:10:00.000Z'),
                undo: decision(who, id, at, { event: 'undo', of }),
                redo: decision(who, id, at, { event: 'redo', of }),
                again: `${known[nth]}\n`,
                unreadable: '{"v":1,\n',
                unfinished: decision(who, id, at).trimEnd(),
              };
              appendFileSync(log(`${who}.jsonl`), lines[kind]);
            }
            assert.deepEqual((await opened(folder)).said, await anew(folder));
          }
        },
      ),
      { numRuns: 25, endOnFailure: true, includeErrorInReport: true },
    );
  });

  it('is not used where a log says anything else than it did', async () => {
    const changes: Readonly<Record<string, (log: (name: string) => string) => void>> = {
      'a byte at the beginning': (log) => change(log('ann.jsonl'), 300),
      'a byte in the middle': (log) => change(log('ben.jsonl'), statSync(log('ben.jsonl')).size >> 1),
      'the last byte': (log) => change(log('ben.jsonl'), statSync(log('ben.jsonl')).size - 3),
      'the last lines are gone': (log) => {
        const bytes = readFileSync(log('ann.jsonl'));
        writeFileSync(log('ann.jsonl'), bytes.subarray(0, bytes.lastIndexOf('\n', bytes.length - 2000) + 1));
        appendFileSync(log('ben.jsonl'), decision('ben', 1, '2027-01-01T00:00:00.000Z').repeat(20));
      },
      'a log is gone': (log) => rmSync(log('ben.jsonl')),
      'a log has another name': (log) => renameSync(log('ben.jsonl'), log('cleo.jsonl')),
      'a log cannot be read': (log) => {
        rmSync(log('ann.jsonl'));
        mkdirSync(log('ann.jsonl'));
        const more = Array.from({ length: 2500 }, (_, k) => decision('ben', k, '2027-01-01T00:00:00.000Z'));
        appendFileSync(log('ben.jsonl'), more.join(''));
      },
    };
    for (const [what, make] of Object.entries(changes)) {
      const { folder, log } = project();
      const { said: before } = await opened(folder);
      make(log);
      const { said: after } = await opened(folder);
      assert.deepEqual(after, await anew(folder), what);
      if (what !== 'a log has another name') assert.notDeepEqual(after, before, what);
      assert.deepEqual((await opened(folder)).said, after, `${what}, once more`);
    }
  });

  it('of somebody else, or damaged, is not believed', async () => {
    const { folder, kept } = project();
    const { said: first } = await opened(folder);
    const bytes = readFileSync(kept);
    const lie = async (whose: string) => {
      const files = new KeptFiles(folder, whose);
      const [record] = recordsIn(bytes, 1);
      const own = await new KeptFiles(folder, home()).read('feedback.bin', 1e9);
      const content = (await decodeRecord('feedback.bin', record, own?.key as Buffer)) as {
        annotators: [string, object][];
      };
      for (const [, labels] of content.annotators) Object.assign(labels, { decided: 7 });
      files.write('feedback.bin', async function* (key) {
        yield await sealed(encodeRecord('feedback.bin', record, content), key);
      });
      await files.close();
    };
    await lie(join(temporary.path, 'home-of-somebody-else'));
    assert.deepEqual((await opened(folder)).said, first);
    await lie(home());
    const { said: believed } = await opened(folder);
    assert.deepEqual(
      believed.annotators.map(({ counts }) => counts[0]),
      [7, 7],
      'it is used',
    );
    for (const at of [0, 40, 100, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1;
      writeFileSync(kept, damaged);
      assert.deepEqual((await opened(folder)).said, first, `byte ${at}`);
    }
    writeFileSync(kept, bytes.subarray(0, 30));
    assert.deepEqual((await opened(folder)).said, first);
  });

  it('leaves no file behind of a process that was killed while it kept one', async () => {
    const { folder, kept } = project();
    mkdirSync(dirname(kept), { recursive: true });
    const [old, young] = ['.feedback.bin.0123.tmp', '.feedback.bin.4567.tmp'].map((name) => join(dirname(kept), name));
    for (const path of [old, young]) writeFileSync(path, 'half');
    utimesSync(old, new Date(0), new Date(0));
    await opened(folder);
    assert.deepEqual(
      [kept, old, young].map((path) => statSync(path, { throwIfNoEntry: false }) !== undefined),
      [true, false, true],
      'another process may be writing the younger one',
    );
  });

  it('is read anew where another file has taken the place of the log that this process has just written to', async () => {
    const { folder, log } = project();
    const { index, numbers } = await opened(folder);
    const other = readFileSync(log('ben.jsonl'), 'utf8').split('\n').slice(100).join('\n');
    writeFileSync(log('new'), `${other}${decision('ben', 1, '2027-01-01T00:00:00.000Z').repeat(200)}`);
    renameSync(log('new'), log('ben.jsonl'));
    await index.refresh('ben.jsonl');
    assert.deepEqual(await said(index, numbers), await anew(folder));
  });

  it('of small logs is not kept', async () => {
    const { folder, log, kept } = project();
    rmSync(log('ben.jsonl'));
    await opened(folder);
    assert.equal(statSync(kept, { throwIfNoEntry: false }), undefined);
  });

  it('goes on counting while it is open, and tells what changes', async () => {
    const { folder, log } = project();
    await opened(folder);
    const { index, numbers, told } = await opened(folder);
    appendFileSync(log('ben.jsonl'), decision('ben', 1, '2027-01-01T00:00:00.000Z'));
    assert.equal(await index.refresh('ben.jsonl'), true);
    assert.equal(told.length, 1);
    assert.deepEqual(await said(index, numbers), await anew(folder));
  });
});

function change(path: string, at: number): void {
  const bytes = readFileSync(path);
  // A digit or a letter of an id or a time stays one.
  bytes[at] = bytes[at] === 0x31 ? 0x32 : 0x31;
  writeFileSync(path, bytes);
}
