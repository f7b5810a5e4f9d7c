import { workerData } from 'node:worker_threads';
import { uniform } from '../../../server/engine/random.ts';
import {
  type Damage,
  damaged,
  hostileSubjects,
  type Subject,
  taken,
  words,
} from '../../../test/support/hostileHeaders.ts';

/** What a thread is given, and where it tells how far it is. */
export interface Work {
  readonly seed: number;
  /** Numbers of the first file, and of the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Int32: files done, files refused, the slowest in microseconds of the processor, bytes of memory / 4096, failures. */
  readonly told: SharedArrayBuffer;
}

export const places = { done: 0, refused: 1, slowest: 2, memory: 3, failures: 4 } as const;

/** Reads the files of its share, one after the other; answers what went wrong in the first few that it should not. */
export function readDamaged(): string[] {
  const { seed, from, to, told } = workerData as Work;
  const counters = new Int32Array(told);
  const subjects = hostileSubjects();
  const failures: string[] = [];
  for (let number = from; number < to; number++) {
    const subject = subjects[number % subjects.length];
    const content = damaged(subject.bytes, changes(subject, seed, number));
    const started = process.cpuUsage();
    try {
      if (!taken(subject, content)) Atomics.add(counters, places.refused, 1);
    } catch (error) {
      Atomics.add(counters, places.failures, 1);
      if (failures.length < 5) failures.push(`${subject.name}, file ${number}: ${(error as Error).stack ?? error}`);
    }
    // Of all threads: no less than this one took. Seconds would say how busy the machine is with other things.
    const { user, system } = process.cpuUsage(started);
    const microseconds = user + system;
    counters[places.slowest] = Math.max(counters[places.slowest], microseconds);
    if (number % 1000 === 0) {
      const pages = Math.ceil(process.memoryUsage.rss() / 4096);
      counters[places.memory] = Math.max(counters[places.memory], pages);
    }
    Atomics.add(counters, places.done, 1);
  }
  return failures;
}

/** One to three changes, the same for the same numbers. */
function changes({ bytes, header }: Subject, seed: number, number: number): Damage[] {
  let draws = 0;
  const below = (limit: number) =>
    Math.floor(limit * uniform({ seed, purpose: 'sample', step: number, row: 0 }, draws++));
  return Array.from({ length: 1 + below(3) }, (): Damage => {
    const place = below(5) === 0 ? below(bytes.length) : below(header);
    switch (below(6)) {
      case 0:
        return { kind: 'byte', place, value: below(256) };
      case 1:
        return { kind: 'u32', place, value: Number(words[below(words.length)] & 0xffffffffn) };
      case 2:
        return { kind: 'u64', place, value: words[below(words.length)] };
      case 3:
        return { kind: 'drop', place, value: 1 + below(40) };
      case 4:
        return { kind: 'repeat', place, value: 1 + below(200) };
      default:
        return { kind: 'cut', place };
    }
  });
}
