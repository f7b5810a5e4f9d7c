import assert from 'node:assert/strict';
import { curve, formatNumber } from '../../../server/demo/curve.ts';
import { escapeHtml } from '../../../server/demo/escape.ts';
import { type DemoReport, renderReport } from '../../../server/demo/report.ts';

const evil = `<script>alert("1")</script>&'`;

function report(text: string): DemoReport {
  const response = { text, reward: -1.25, positive: false };
  return {
    title: text,
    introduction: text,
    seconds: 187,
    settings: [{ name: text, value: text }],
    figures: [
      { name: text, before: 0.493, after: 0.952, unit: 'share', definition: text },
      { name: 'KL', after: 2.134, unit: 'nats', definition: 'd' },
    ],
    sideBySide: [{ prompt: text, before: response, after: { ...response, reward: 1.5, positive: true } }],
    stages: [
      {
        name: text,
        explanation: text,
        metrics: [
          { step: 1, values: { [text]: 0.5, loss: 2 } },
          { step: 2, values: { loss: 1 } },
        ],
      },
      { name: 'Empty', explanation: '', metrics: [] },
    ],
  };
}

describe('the report', () => {
  const html = renderReport(report('a title'));

  it('shows figures before and after, responses with reward and verdict, and the time', () => {
    for (const shown of ['49.3 %', '95.2 %', '2.134 nats', '−1.25', '✗ not preferred', '✓ preferred', '3 min 07 s']) {
      assert.ok(html.includes(shown), `${shown} is missing`);
    }
  });

  it('has a curve for each metric and its numbers in a table', () => {
    assert.equal(html.match(/<svg /g)?.length, 2);
    assert.match(html, /aria-label="loss: 2 at step 1, 1 at step 2, between 1 and 2"/);
    assert.match(html, /<tr><th scope="row">2<\/th><td>–<\/td><td>1<\/td><\/tr>/);
    assert.match(html, /No metrics were recorded/);
  });

  it('needs no script and nothing from outside', () => {
    assert.doesNotMatch(html, /<script|<link|<img|<iframe|https?:|url\(|@import| on\w+=/i);
    assert.match(html, /default-src 'none'/);
    assert.match(html, /prefers-color-scheme: dark/);
  });

  it('closes every element that it opens', () => {
    const open: string[] = [];
    for (const [, slash, name, selfClosing] of html.matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
      if (['meta'].includes(name) || selfClosing) continue;
      if (slash) assert.equal(open.pop(), name);
      else open.push(name);
    }
    assert.deepEqual(open, []);
  });

  it('escapes every string that it is given', () => {
    const hostile = renderReport(report(evil));
    assert.ok(!hostile.includes('<script>'));
    assert.ok(!hostile.includes('alert("1")'));
    // All places of `report` that show the text, the metric's name twice more than the others.
    const places = hostile.split('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;').length - 1;
    assert.equal(places, 2 + 1 + 2 + 2 + 3 + 2 + 3);
  });

  it('says when a response is empty', () => {
    assert.match(renderReport(report(' ')), /<em>\(empty\)<\/em>/);
  });
});

describe('escaping', () => {
  it('replaces what would not be shown as it is', () => {
    assert.equal(escapeHtml('a\u0000b\u202ec\ud800d\te\n'), 'a\ufffdb\ufffdc\ufffdd\te\n');
    assert.equal(escapeHtml('😀 é'), '😀 é');
  });
});

describe('a curve', () => {
  it('leaves a gap where a value is not finite', () => {
    const values = [1, 2, Number.NaN, 3, Number.POSITIVE_INFINITY, 2];
    const svg = curve(
      'm',
      values.map((value, step) => ({ step, value })),
    );
    const path = svg.match(/ d="([^"]*)"/)?.[1] ?? '';
    assert.deepEqual([path.match(/M/g)?.length, path.match(/L/g)?.length], [3, 1]);
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });

  it('keeps to its box, the highest value at the top', () => {
    const points = Array.from({ length: 50 }, (_, step) => ({ step, value: Math.sin(step) * 1e6 }));
    const coordinates = [...curve('m', points).matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [+x, +y]);
    assert.equal(coordinates.length, 50);
    for (const [x, y] of coordinates) assert.ok(x >= 0 && x <= 300 && y >= 24 && y <= 110);
    const highest = points.reduce((best, point) => (point.value > best.value ? point : best)).step;
    assert.equal(coordinates[highest][1], 24);
  });

  it('draws one point, a constant, and nothing', () => {
    assert.match(curve('m', [{ step: 3, value: 1 }]), / d="M[\d.]+ [\d.]+"/);
    assert.doesNotMatch(
      curve('m', [
        { step: 0, value: 1 },
        { step: 1, value: 1 },
      ]),
      /NaN/,
    );
    assert.match(curve('m', [{ step: 0, value: Number.NaN }]), /no finite values/);
    assert.match(curve('m', []), /no finite values/);
  });
});

describe('numbers in the report', () => {
  const cases: [value: number, text: string][] = [
    [0, '0'],
    [-1.25, '−1.25'],
    [0.12345, '0.123'],
    [12.345, '12.35'],
    [1234.5, '1235'],
    [1e-4, '1e−4'],
    [2.5e7, '2.5e7'],
    [Number.NaN, '–'],
    [Number.NEGATIVE_INFINITY, '–'],
  ];
  for (const [value, text] of cases) it(`${value} is ${text}`, () => assert.equal(formatNumber(value), text));
});
