import assert from 'node:assert/strict';
import { type OpBuilder, ShapeError } from '../../../models/ops.ts';
import { GraphBuilder } from '../../../server/engine/onnx/graph.ts';
import { random } from '../../support/reference/random.ts';
import { ReferenceBuilder } from '../../support/reference.ts';
import { elementwiseRefusals } from './refusals/elementwise.ts';
import { linearRefusals } from './refusals/linear.ts';
import { leafRefusals, structureRefusals } from './refusals/structure.ts';

const builders: Readonly<Record<string, () => OpBuilder>> = {
  'the ONNX graph': () => new GraphBuilder(),
  'the reference': () =>
    new ReferenceBuilder({ w: random([2, 3], 1), x: random([2, 3], 2), i: { shape: [2], data: [0, 1] } }),
};

const refusals = { ...leafRefusals, ...elementwiseRefusals, ...structureRefusals, ...linearRefusals };

/** These take whatever they are given. */
const lenient: ReadonlySet<string> = new Set(['stopGradient', 'segment']);

describe('OpBuilder', () => {
  it('has a bad call for every operation', () => {
    const operations = Object.getOwnPropertyNames(ReferenceBuilder.prototype).filter((name) => name !== 'constructor');
    const missing = operations.filter((operation) => !(operation in refusals) && !lenient.has(operation));
    assert.deepEqual(missing, []);
  });

  for (const [builder, create] of Object.entries(builders)) {
    describe(`${builder} refuses, naming operation and shapes,`, () => {
      for (const [operation, calls] of Object.entries(refusals)) {
        for (const { name, shows, call } of calls) {
          it(`${operation}: ${name}`, () => {
            const ops = create();
            assert.throws(
              () => call(ops),
              (error) => {
                assert.ok(error instanceof ShapeError, `not a ShapeError but ${error}`);
                assert.ok(error.message.startsWith(`${operation}(`), error.message);
                for (const shape of shows) assert.ok(error.message.includes(shape), `no ${shape} in: ${error.message}`);
                return true;
              },
            );
          });
        }
      }
    });
  }
});
