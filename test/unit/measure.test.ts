import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Frame, type Measurement, measure } from '../../scripts/measure.ts';

describe('prove and bench', () => {
  let folder: string;
  let printed: string[];
  let noted: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palate-measure-'));
    printed = [];
    noted = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const good: Measurement = {
    description: 'A good one.',
    run: async (report) => report.figure('share', 0.95, '', { min: 0.9 }),
  };
  const bad: Measurement = {
    description: 'A bad one.',
    run: async (report) => report.figure('kl', 9, 'nats', { max: 8 }),
  };
  const broken: Measurement = {
    description: 'One that throws.',
    run: async (report) => {
      report.figure('share', 1, '');
      throw new Error('it broke');
    },
  };
  const silent: Measurement = { description: 'One without a figure.', run: async () => {} };

  function frameOf(kind: Frame['kind'], measurements: Record<string, Measurement>): Frame {
    return {
      kind,
      measurements: new Map(Object.entries(measurements)),
      page: join(folder, 'docs', 'figures.md'),
      circumstances: () => ({ date: '2025-01-31', commit: 'abc1234+changes', machine: 'two cores' }),
      print: (line) => printed.push(line),
      note: (line) => noted.push(line),
    };
  }
  const page = () => readFileSync(join(folder, 'docs', 'figures.md'), 'utf8');

  it('a proof within its bars ends with 0, one beyond with 1', async () => {
    assert.equal(await measure([], frameOf('prove', { good })), 0);
    assert.equal(await measure([], frameOf('prove', { good, bad })), 1);
    assert.match(printed.join('\n'), /bad\/kl {2}9 nats {2}≤ 8 {2}NOT MET/);
  });

  it('a bench never fails on a figure', async () => {
    assert.equal(await measure([], frameOf('bench', { good, bad })), 0);
  });

  it('an error and the absence of figures are failures, and the other proofs still run', async () => {
    assert.equal(await measure(['--json'], frameOf('prove', { broken, silent, good })), 1);
    const names = printed.map((line) => JSON.parse(line)).map(({ name, ok }) => `${name} ${ok}`);
    assert.deepEqual(names, [
      'broken/share true',
      'broken/completed false',
      'silent/completed false',
      'good/share true',
    ]);
    assert.match(noted.join('\n'), /broken: Error: it broke/);
  });

  it('with --json prints name, value, bar, unit and ok, and nothing else on stdout', async () => {
    await measure(['good', '--json'], frameOf('prove', { good, bad }));
    assert.deepEqual(printed, ['{"name":"good/share","value":0.95,"bar":{"min":0.9},"unit":"","ok":true}']);
  });

  it('running one updates only its own section', async () => {
    await measure([], frameOf('prove', { good, bad }));
    const better: Measurement = { ...bad, run: async (report) => report.figure('kl', 7, 'nats', { max: 8 }) };
    const before = page();
    assert.equal(await measure(['bad'], frameOf('prove', { good, bad: better })), 0);
    assert.match(before, /\| bad\/kl \| 9 nats \| ≤ 8 \| \*\*no\*\* \|/);
    assert.equal(page(), before.replace('| bad/kl | 9 nats | ≤ 8 | **no** |', '| bad/kl | 7 nats | ≤ 8 | yes |'));
  });

  it('proving nothing is not a success', async () => {
    assert.equal(await measure([], frameOf('prove', {})), 1);
  });

  it('refuses an unknown name, names the known ones, and runs nothing', async () => {
    assert.equal(await measure(['god', 'good'], frameOf('prove', { good, bad })), 2);
    assert.match(noted.join('\n'), /no prove named god\. There are: good, bad\./);
    assert.deepEqual(printed, []);
  });

  it('refuses a figure that is reported twice', async () => {
    const twice: Measurement = {
      description: 'Twice.',
      run: async (report) => {
        report.figure('share', 1, '');
        report.figure('share', 1, '');
      },
    };
    assert.equal(await measure([], frameOf('prove', { twice })), 1);
    assert.match(noted.join('\n'), /twice\/share was reported twice/);
  });
});
