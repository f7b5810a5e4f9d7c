/** What `skip` leaves on a test, a hook's suite, for the reporter. */
export interface Skippable {
  skipReason?: string;
}

/**
 * Skips the running test, or from a `before` hook every test of its suite. The reason is printed beside each of them.
 * Call it as `skip(this, 'what is missing, and how to get it')` inside a `function`, not an arrow. Never returns.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Runnable & { type?: string };
  const target = runnable.type === 'hook' ? runnable.parent : runnable;
  (target as Skippable).skipReason = reason;
  context.skip();
}

/** The reason given for a skipped test or, when its suite was skipped, for the suite. */
export function skipReasonOf(test: Mocha.Test): string | undefined {
  let node: (Mocha.Test | Mocha.Suite) & Skippable = test;
  while (!node.skipReason && node.parent) node = node.parent;
  return node.skipReason;
}
