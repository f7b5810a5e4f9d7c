import type { Precision } from '../../../server/protocol/types.ts';
import { type Measured, median, type Parts } from './figures.ts';
import { Peer, type PeerWork } from './peer.ts';
import { ppoIterations, ppoSizes, total } from './ppo.ts';
import { openSmollm } from './smollm.ts';
import { batch, sftSteps, time } from './step.ts';

/** Whose speed is compared with whose, and by how much ours should lead. */
interface Comparison {
  readonly ours: Precision;
  readonly theirs: 'float32' | 'bfloat16';
  readonly bar: number;
}

/** A part for each comparison with torch, transformers and peft in the Python given. */
export function peerParts(python: string): Parts {
  const sft = { what: 'sft', batch, time } as const;
  const { rows, prompt, newTokens } = ppoSizes;
  const ppo = { what: 'ppo', rows, prompt, new_tokens: newTokens, batch: ppoSizes.batch } as const;
  const each = (what: 'sft' | 'ppo', comparison: Comparison) => () =>
    what === 'sft'
      ? inTurns(python, sft, comparison, { name: 'SFT step 8×128', rounds: 3, skipped: 2 })
      : inTurns(python, ppo, comparison, { name: 'PPO iteration', rounds: 1, skipped: 1 });
  return {
    'SFT against PEFT float32': each('sft', { ours: 'float32', theirs: 'float32', bar: 2 }),
    'SFT against PEFT bfloat16': each('sft', { ours: 'int8-base', theirs: 'bfloat16', bar: 1.5 }),
    'PPO against torch float32': each('ppo', { ours: 'float32', theirs: 'float32', bar: 2.3 }),
    'PPO against torch bfloat16': each('ppo', { ours: 'int8-base', theirs: 'bfloat16', bar: 2 }),
  };
}

interface Turns {
  readonly name: string;
  readonly rounds: number;
  /** Ours that are not measured: they open graphs. Theirs warms up with two small steps. */
  readonly skipped: number;
}

/** Ours, theirs, ours, theirs: both see the same neighbours and clock. The ratio of the medians. */
async function inTurns(
  python: string,
  work: PeerWork,
  { ours, theirs, bar }: Comparison,
  { name, rounds, skipped }: Turns,
): Promise<Measured[]> {
  const model = await openSmollm({ precision: ours });
  const peer = new Peer(python);
  const own = ownSeconds(model, work, skipped + rounds);
  const [mine, other]: [number[], number[]] = [[], []];
  for (let k = 0; k < 2; k++) await peer.seconds({ what: 'sft', batch: 1, time: 16 }, theirs);
  for (let round = -skipped; round < rounds; round++) {
    const { value = 0 } = await own.next();
    if (round >= 0) mine.push(value);
    if (round >= 0) other.push(await peer.seconds(work, theirs));
  }
  await own.return();
  peer.close();
  const [fast, slow] = [median(mine), median(other)];
  const label = `${name}, ${ours}`;
  return [
    { name: label, value: fast, unit: 's' },
    { name: `${name}, torch ${theirs}`, value: slow, unit: 's' },
    { name: `${label}: torch ${theirs} / ours`, value: slow / fast, unit: '', bar: { min: bar } },
  ];
}

async function* ownSeconds(
  model: Awaited<ReturnType<typeof openSmollm>>,
  work: PeerWork,
  count: number,
): AsyncGenerator<number, void> {
  if (work.what === 'sft') yield* sftSteps(model, { recompute: false, count });
  else for await (const seconds of ppoIterations(model, count)) yield total(seconds);
}
