import assert from 'node:assert/strict';
import { checkGradient } from '../support/checkGradient.ts';
import { ReferenceBuilder } from '../support/reference.ts';
import type { GradientCase } from './cases/case.ts';
import { controlCases } from './cases/control.ts';
import { elementwiseCases } from './cases/elementwise.ts';
import { linearCases } from './cases/linear.ts';
import { structureCases } from './cases/structure.ts';

const cases: readonly GradientCase[] = [...elementwiseCases, ...structureCases, ...linearCases, ...controlCases];

/** No gradient flows out of these by definition, or through them because they are leaves that are not trained. */
const notDifferentiable: ReadonlySet<string> = new Set([
  'input',
  'weight',
  'constant',
  'less',
  'greaterEqual',
  'equal',
  'and',
  'toFloat',
  'stopGradient',
  'frozenLinearAdjoint',
]);

const operations = Object.getOwnPropertyNames(ReferenceBuilder.prototype).filter((name) => name !== 'constructor');

/** A builder that notes which operations are called on it. */
function watch(builder: ReferenceBuilder, called: Set<string>): ReferenceBuilder {
  return new Proxy(builder, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      called.add(String(name));
      return member.bind(target);
    },
  });
}

describe('every operation against the Float64 reference', () => {
  it('has a case for each, and each case calls what it says', () => {
    for (const { operation, name, build, feeds } of cases) {
      const called = new Set<string>();
      build(watch(new ReferenceBuilder(feeds), called));
      assert.ok(called.has(operation), `the case "${name}" of ${operation} does not call it`);
    }
    const covered = new Set<string>(cases.map(({ operation }) => operation));
    const missing = operations.filter((operation) => !covered.has(operation));
    assert.deepEqual(missing, [], 'operations without a case');
  });

  it('trains something through every operation that is differentiable', () => {
    const trained = cases.filter(({ build, feeds }) => {
      const builder = new ReferenceBuilder(feeds);
      build(builder);
      return [...builder.leaves.values()].some(({ kind }) => kind === 'parameter');
    });
    const covered = new Set<string>(trained.map(({ operation }) => operation));
    const missing = operations.filter((operation) => !covered.has(operation) && !notDifferentiable.has(operation));
    assert.deepEqual(missing, [], 'differentiable operations whose cases train nothing');
    const unknown = [...notDifferentiable].filter((operation) => !operations.includes(operation));
    assert.deepEqual(unknown, [], 'listed as not differentiable, but no operation');
  });

  for (const operation of operations) {
    describe(operation, () => {
      for (const { name, build, feeds, ...options } of cases.filter((one) => one.operation === operation)) {
        it(name, () => checkGradient(build, feeds, options));
      }
    });
  }
});
