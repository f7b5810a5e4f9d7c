import assert from 'node:assert/strict';
import { deviceFor, precisionProblems, requirePrecision } from '../../server/precision.ts';
import { deviceChoices } from '../../server/protocol/types.ts';

describe('precision', () => {
  it('float32 computes everywhere', () => {
    for (const device of deviceChoices) {
      assert.deepEqual(precisionProblems('float32', 'onnx', device), []);
      assert.deepEqual(precisionProblems('float32', 'tensorflow', device), []);
      assert.equal(deviceFor('float32', device), device);
    }
  });

  it('int8-base computes on the CPU, and is refused with another device by its name', () => {
    for (const device of deviceChoices) {
      const problems = precisionProblems('int8-base', 'onnx', device);
      if (device === 'auto' || device === 'cpu') {
        assert.deepEqual(problems, []);
      } else {
        assert.equal(problems.length, 1);
        assert.match(
          problems[0],
          new RegExp(`on the device ${device} .* Choose the device cpu, or the precision float32`),
        );
        assert.throws(() => requirePrecision('int8-base', 'onnx', device), { name: 'UserError', message: problems[0] });
      }
      assert.equal(deviceFor('int8-base', device), 'cpu');
    }
    assert.deepEqual(precisionProblems('int8-base', 'onnx'), []);
  });

  it('int8-base is for the engine onnx, whatever the device', () => {
    for (const device of deviceChoices) {
      const problems = precisionProblems('int8-base', 'tensorflow', device);
      assert.equal(problems.length, 1);
      assert.match(problems[0], /for the engine onnx; tensorflow trains in float32/);
    }
  });
});
