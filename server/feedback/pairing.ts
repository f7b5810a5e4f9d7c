/** Rounds of a tournament in which each response is shown once; eight responses are compared with one another in seven. */
const mostRounds = 7;

/**
 * Which of `count` responses to one prompt are compared, in the order in which they are asked: the circle method of a
 * tournament. The first round shows each response once (one sits out where the count is odd), the next ones bring other
 * pairs; with up to eight responses every pair comes, with more each response is shown seven times.
 */
export function* pairsOf(count: number): Generator<readonly [number, number]> {
  const circle = sizeOfCircle(count);
  for (let round = 0; round < roundsOf(count); round++) {
    const sum = (round + 1) % circle;
    for (let i = 0; i < circle; i++) {
      const j = (sum - i + circle) % circle;
      if (i < j) {
        if (j < count) yield [i, j];
      } else if (i === j && circle < count) {
        yield [i, circle];
      }
    }
  }
}

/** Whether `pairsOf(count)` has the pair. */
export function isPaired(count: number, i: number, j: number): boolean {
  const circle = sizeOfCircle(count);
  const [low, high] = i < j ? [i, j] : [j, i];
  if (low < 0 || low === high || high >= count) return false;
  const sum = (high === circle ? 2 * low : low + high) % circle;
  return (sum - 1 + circle) % circle < roundsOf(count);
}

/** How many pairs `pairsOf(count)` has. */
export function pairCount(count: number): number {
  return count < 2 ? 0 : roundsOf(count) * Math.floor(count / 2);
}

/** All but the last of an even number of responses sit in a circle; of an odd number, all, and one sits out. */
function sizeOfCircle(count: number): number {
  return count % 2 === 0 ? Math.max(count - 1, 1) : count;
}

function roundsOf(count: number): number {
  return count < 2 ? 0 : Math.min(sizeOfCircle(count), mostRounds);
}
