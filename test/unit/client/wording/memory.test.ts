import assert from 'node:assert/strict';
import { memoryRows } from '../../../../client/wording/memory.ts';

describe('what is in memory, in words', () => {
  const base = { path: '/models/a.gguf', bytes: 538e6 };

  it('nothing while the engine does not run, and no model where none is loaded', () => {
    assert.deepEqual(memoryRows('/p', null), []);
    const [row] = memoryRows('/p', { resident: 90e6 });
    assert.deepEqual([row?.description, row?.children], ['90 MB, no model', []]);
  });

  it('the base once, then each adapter that stands on it', () => {
    const adapters = [
      { role: 'policy', bytes: 78e6 },
      { role: 'reference', bytes: 20e6 },
      { role: 'critic', bytes: 78e6 },
      { role: 'reward model', bytes: 20e6 },
    ];
    const [row] = memoryRows('/p', { resident: 2.1e9, held: { base, secondCopy: 0, adapters, graphs: 1.4e9 } });
    assert.equal(row?.description, '2.1 GB');
    assert.deepEqual(
      row?.children?.map(({ label, description }) => `${label}: ${description}`),
      [
        'Base, shared by all: 538 MB',
        'Policy: 78 MB',
        'Reference: 20 MB',
        'Critic: 78 MB',
        'Reward model: 20 MB',
        'Open graphs, about: 1.4 GB',
      ],
    );
  });

  it("TensorFlow's copy of the base is told", () => {
    const [row] = memoryRows('/p', { resident: 2e9, held: { base, secondCopy: 538e6, adapters: [], graphs: 0 } });
    assert.match(row?.children?.[1]?.label ?? '', /TensorFlow's copy/);
  });
});
