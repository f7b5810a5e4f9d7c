/** A part of a job, with its share of the whole time, in any unit; used until the part shows its own pace. */
export interface TimedPart {
  readonly name: string;
  readonly weight: number;
}

export interface TimeLeft {
  /** A part begins, or is gone on with at `fraction`, 0 to 1; those before it are done. */
  begin(name: string, fraction?: number): void;
  /** How much of the part is done. */
  update(fraction: number): void;
  /** Of the whole job; undefined while too little is known. */
  secondsLeft(): number | undefined;
}

/** Below this there is no telling: the first step also opens sessions. */
const leastSeconds = 1;
const leastFraction = 0.01;

/** @param now milliseconds of a clock that never goes back */
export function createTimeLeft(parts: readonly TimedPart[], now: () => number = () => performance.now()): TimeLeft {
  let current = -1;
  let [from, fraction] = [0, 0];
  let beganAt = now();
  /** Of the parts that ended in this sitting. */
  const before = { seconds: 0, weight: 0 };
  return {
    begin(name, start = 0) {
      const index = parts.findIndex((part) => part.name === name);
      if (current >= 0 && index !== current) {
        before.seconds += (now() - beganAt) / 1000;
        before.weight += parts[current].weight * (1 - from);
      }
      current = index;
      from = start;
      fraction = start;
      beganAt = now();
    },
    update(done) {
      fraction = Math.min(1, Math.max(from, Number.isFinite(done) ? done : from));
    },
    secondsLeft() {
      if (current < 0) return undefined;
      const { weight } = parts[current];
      const seconds = (now() - beganAt) / 1000;
      const gained = fraction - from;
      const paced = seconds >= leastSeconds && gained >= leastFraction;
      const workDone = before.weight + weight * gained;
      if (!paced && before.weight === 0) return undefined;
      const secondsPerWeight = (before.seconds + seconds) / workDone;
      const own = paced ? seconds / gained : secondsPerWeight * weight;
      const after = parts.slice(current + 1).reduce((sum, part) => sum + part.weight, 0);
      return own * (1 - fraction) + after * secondsPerWeight;
    },
  };
}
