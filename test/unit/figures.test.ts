import assert from 'node:assert/strict';
import {
  formatBar,
  formatValue,
  makeFigure,
  sectionFor,
  tableForTerminal,
  withSection,
} from '../../scripts/figures.ts';

const when = { date: '2025-01-31', commit: 'abc1234', machine: '2 cores, Node 20' };

describe('figures', () => {
  const cases: [value: number, bar: { min?: number; max?: number } | null, ok: boolean, barText: string][] = [
    [0.9, { min: 0.9 }, true, '≥ 0.9'],
    [0.8999, { min: 0.9 }, false, '≥ 0.9'],
    [8, { max: 8 }, true, '≤ 8'],
    [8.01, { max: 8 }, false, '≤ 8'],
    [0.5, { min: 0.4, max: 0.6 }, true, '0.4 to 0.6'],
    [0.61, { min: 0.4, max: 0.6 }, false, '0.4 to 0.6'],
    [0.39, { min: 0.4, max: 0.6 }, false, '0.4 to 0.6'],
    [-5, { max: 0 }, true, '≤ 0'],
    [123, null, true, ''],
    [Number.NaN, { min: 0 }, false, '≥ 0'],
    [Number.NaN, null, false, ''],
    [Number.POSITIVE_INFINITY, { min: 1 }, false, '≥ 1'],
  ];
  for (const [value, bar, ok, barText] of cases) {
    it(`${value} against '${barText}' is ${ok ? 'met' : 'not met'}`, () => {
      assert.equal(makeFigure('a/b', value, '', bar).ok, ok);
      assert.equal(formatBar(bar), barText);
    });
  }

  it('shows four significant digits and whole numbers whole', () => {
    const shown = [0.912345, 12.3456, 1234.56, 48000, 0, 1e-5, -0.5, Number.NaN].map(formatValue);
    assert.deepEqual(shown, ['0.9123', '12.35', '1235', '48000', '0', '0.00001', '-0.5', 'NaN']);
  });

  it('lines a table up for the terminal', () => {
    const figures = [makeFigure('demo/kl', 3.25, 'nats', { max: 4 }), makeFigure('demo/share', 0.5, '', { min: 0.9 })];
    assert.deepEqual(tableForTerminal(figures).split('\n'), [
      'demo/kl     3.25 nats  ≤ 4    ok',
      'demo/share        0.5  ≥ 0.9  NOT MET',
    ]);
  });

  it('writes a section with date, commit, machine and every figure beside its bar', () => {
    const figures = [makeFigure('demo/a|b', 0.95, '', { min: 0.9 }), makeFigure('demo/time', 12, 's', null)];
    assert.deepEqual(sectionFor('prove demo', 'What it is.', figures, when).split('\n'), [
      '## prove demo',
      'What it is.',
      '',
      '2025-01-31, commit abc1234, 2 cores, Node 20',
      '',
      '| figure | value | bar | met |',
      '|---|---|---|---|',
      '| demo/a\\|b | 0.95 | ≥ 0.9 | yes |',
      '| demo/time | 12 s | none | yes |',
    ]);
  });

  it('adds a section, then replaces it, and leaves the rest of the page', () => {
    const page = '# Figures\nBy hand.\n';
    const one = withSection(page, 'prove demo', 'first');
    const two = withSection(one, 'bench speed', 'second');
    const three = withSection(`${two}\nAfter it.\n`, 'prove demo', 'third $& time');
    assert.equal(
      three,
      '# Figures\nBy hand.\n\n<!-- begin prove demo -->\nthird $& time\n<!-- end prove demo -->\n\n' +
        '<!-- begin bench speed -->\nsecond\n<!-- end bench speed -->\n\nAfter it.\n',
    );
  });

  it('refuses a page with half a section instead of losing text', () => {
    assert.throws(() => withSection('<!-- begin prove a -->\ntext', 'prove a', 'x'), /without <!-- end prove a -->/);
    assert.throws(() => withSection('text\n<!-- end prove a -->', 'prove a', 'x'), /without <!-- begin prove a -->/);
  });
});
