import assert from 'node:assert/strict';
import { setupEnd, setupProgress, setupRows } from '../../../../client/wording/tensorflow.ts';
import { reviewRows } from '../../../../client/wording/trainChoices.ts';
import { aForecast } from './facts.ts';

describe('setting up TensorFlow, in words', () => {
  const installed = { folder: '/home/tensorflow/x', libtensorflow: '2.21.0', tfjsNode: '4.22.0', bytes: 853e6 };
  const values = (state: Parameters<typeof setupRows>[0]) => setupRows(state).map(({ value }) => value);

  it('offers what there is to offer', () => {
    assert.deepEqual(values({}), ['none', 'file', 'folder']);
    assert.deepEqual(values({ published: '2.9.1', given: '/x' }), ['none', 'given', 'download', 'file', 'folder']);
  });

  it('says first what is installed, whether it works, and on what it computes', () => {
    const text = (state: Parameters<typeof setupRows>[0]) => Object.values(setupRows(state)[0]!).join(' ');
    assert.match(text({}), /Nothing is installed yet/);
    assert.match(text({ installed, device: 'cpu' }), /check.*2\.21\.0 is installed and works on the CPU · 853 MB/);
    assert.match(text({ installed, device: 'gpu' }), /on the GPU/);
    assert.match(text({ installed, problem: 'It is broken.' }), /warning.*does not work It is broken\./);
  });

  it('goes from nothing to all, with sizes', () => {
    const shares = [
      { stage: 'download', done: 0, total: 100e6 },
      { stage: 'download', done: 50e6, total: 100e6 },
      { stage: 'unpack', done: 1, total: 2 },
      { stage: 'compile', done: 0, total: 0 },
      { stage: 'check', done: 0, total: 0 },
    ] as const;
    const found = shares.map((now) => setupProgress(now, 'download').share);
    assert.deepEqual(
      [...found].sort((a, b) => a - b),
      found,
    );
    assert.ok(found[0]! >= 0 && found.at(-1)! < 1);
    assert.equal(setupProgress(shares[1], 'download').message, 'Downloading libtensorflow: 50 MB of 100 MB');
    assert.ok(setupProgress(shares[3], 'file').share > setupProgress(shares[3], 'download').share - 1);
    assert.equal(setupProgress({ stage: 'present', done: 0, total: 0 }, 'file').share, 0);
  });

  it('tells how it ended', () => {
    assert.match(setupEnd({ status: 'stopped' }), /cancelled; nothing was installed/);
    const remark = 'Cannot dlopen some GPU libraries.';
    assert.match(
      setupEnd({ status: 'installed', state: { installed, device: 'cpu', remark } }),
      /2\.21\.0 is installed and computes on the CPU\. TensorFlow says: Cannot dlopen/,
    );
    assert.doesNotMatch(setupEnd({ status: 'present', state: { installed, device: 'gpu', remark } }), /says/);
  });

  it('is offered where TensorFlow shall train and is not there', () => {
    const offered = (choice: Parameters<typeof reviewRows>[0], forecast = aForecast()) =>
      reviewRows(choice, forecast, []).some(({ value }) => value === 'setUpTensorflow');
    assert.equal(offered({ stage: 'all' }), false);
    assert.equal(offered({ stage: 'all', engine: 'tensorflow' }), true);
    assert.equal(offered({ stage: 'all' }, aForecast({ engine: 'tensorflow' })), true);
    const engines = [{ name: 'tensorflow', ready: true, message: '' }] as const;
    assert.equal(offered({ stage: 'all' }, aForecast({ engine: 'tensorflow', engines })), false);
  });
});
