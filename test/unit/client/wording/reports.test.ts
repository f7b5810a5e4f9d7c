import assert from 'node:assert/strict';
import { doctorText, exportText, scoreText } from '../../../../client/wording/reports.ts';

describe('reports', () => {
  const facts = {
    version: '0.1.0',
    editor: 'Editor 1.91',
    trusted: true,
    runtime: '',
    inlineScores: 'inlay',
    server: 'running',
    problems: [],
  };
  const report = {
    palate: '0.1.0',
    node: 'v24',
    platform: 'linux-x64',
    cores: 2,
    memory: { total: 2.4e10, available: 1.2e10 },
    devices: [],
    deviceNeeds: [],
    checks: [
      { name: 'onnxruntime', ok: true, message: 'loads' },
      { name: 'model', ok: false, message: 'not found: name a file' },
    ],
  };

  it('the doctor says what is well and what is not', () => {
    const text = doctorText(facts, report);
    assert.match(text, /✓ \*\*onnxruntime\*\*: loads/);
    assert.match(text, /✗ \*\*model\*\*: not found/);
    assert.match(text, /What was checked/);
    assert.match(doctorText(facts, { ...report, checks: report.checks.slice(0, 1) }), /All is well/);
    const optional = [{ name: 'CUDA', ok: false, optional: true, message: 'not there' }];
    assert.match(doctorText(facts, { ...report, checks: optional }), /All is well[\s\S]*– \*\*CUDA\*\*: not there/);
  });

  it('the doctor has something to say when the server has not', () => {
    const text = doctorText({ ...facts, server: 'failed', runtime: '/x/node' }, undefined, 'It stopped\nat once.');
    assert.match(text, /does not answer[\s\S]*It stopped at once\./);
    assert.match(text, /\/x\/node/);
  });

  it('a name cannot become Markdown', () => {
    const checks = [{ name: '**x**', ok: true, message: '[click](command:evil) <img src=x>\n# no' }];
    const text = doctorText(facts, { ...report, checks });
    assert.doesNotMatch(text, /(?<!\\)\[click/);
    assert.doesNotMatch(text, /(?<!\\)</);
    assert.doesNotMatch(text, /^# no/m);
  });

  it('an export says what was left out', () => {
    assert.equal(exportText({ path: '/a/b.jsonl', rows: 1, leftOut: {} }), '1 preference row in b.jsonl.');
    assert.equal(
      exportText({ path: 'C:\\a\\b.jsonl', rows: 9, leftOut: { tie: 2, skip: 0 } }),
      '9 preference rows in b.jsonl; left out: tie 2.',
    );
  });

  it('a score says where it stands among the labelled ones, if there are enough', () => {
    assert.equal(scoreText({ reward: 1.834 }), 'Reward +1.83');
    assert.equal(
      scoreText({ reward: -1, percentile: 0.126 }),
      'Reward −1.00, higher than 13 % of the labelled responses',
    );
  });
});
