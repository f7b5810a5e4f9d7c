/** When a server that stopped by itself is started again. */

export interface Crash {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** It had answered the editor's greeting before. */
  readonly wasReady: boolean;
}

const window = 2 * 60 * 1000;
const mostBeforeReady = 4;
const mostInWindow = 15;
const longestWait = 10_000;

/**
 * Milliseconds to wait before the next start, or undefined: it won't get better by itself. What never comes up is given
 * up after seconds, so that a wrong runtime is said soon; what had worked is tried for longer.
 *
 * @param crashes oldest first, the present one last
 */
export function waitBeforeRestart(crashes: readonly Crash[]): number | undefined {
  const newest = crashes.at(-1);
  if (!newest) return 0;
  const lastReady = crashes.findLastIndex(({ wasReady }) => wasReady);
  if (crashes.length - 1 - lastReady >= mostBeforeReady) return undefined;
  const recent = crashes.filter(({ at }) => newest.at - at < window);
  if (recent.length >= mostInWindow) return undefined;
  return Math.min(longestWait, 100 * 2 ** (recent.length - 1));
}
