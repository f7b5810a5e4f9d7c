import type { OpBuilder } from '../../../models/ops.ts';
import type { Build, CheckOptions, Feeds } from '../../support/checkGradient.ts';

/** One call of an operation that every engine must get right. Parameters in `build` get their gradients checked. */
export interface GradientCase extends CheckOptions {
  readonly operation: keyof OpBuilder;
  readonly name: string;
  readonly build: Build;
  readonly feeds: Feeds;
}

/** Collects the cases of one operation. */
export function casesOf(
  operation: keyof OpBuilder,
  cases: Readonly<Record<string, { build: Build; feeds: Feeds } & CheckOptions>>,
): GradientCase[] {
  return Object.entries(cases).map(([name, rest]) => ({ operation, name, ...rest }));
}
