import { scalarHead } from '../../models/heads.ts';
import { hiddenStates, outputMatrix, tokenInputs } from '../../models/network.ts';
import type { OpBuilder, Tensor } from '../../models/ops.ts';
import { type Bucket, bucketFor, pack, type Row, suitedTo } from './batches.ts';
import { activationBytes } from './memory/sessions.ts';
import { type ActiveAdapter, adapterContext, adapterFeeds, loraKey, type Model } from './model.ts';
import { predictionRow, rewardRow, type Sequence } from './sequences.ts';

/** Tokens in one forward pass. */
const scoreTokens = 1024;

/** How far a scoring pass is, in sequences. */
export interface Scored {
  readonly done: number;
  readonly total: number;
}

/**
 * log π of each response token, nats, at the temperature that divides the logits: one array a sequence. The graph is the
 * training graph's forward half. Yields after every forward pass.
 */
export async function* responseLogps(
  model: Model,
  adapter: ActiveAdapter | undefined,
  sequences: readonly Sequence[],
  temperature = 1,
): AsyncGenerator<Scored, Float32Array[]> {
  const rows = sequences.map(predictionRow);
  const targets = (k: number) => sequences[k].response;
  return yield* readHidden(model, adapter, rows, {
    name: 'logps',
    temperature,
    targets,
    read: (ops, hidden, { reads }, context) =>
      ops.tokenLogProbability(
        hidden,
        outputMatrix(context, model.config),
        ops.input('target', [reads], 'int32'),
        ops.input('temperature', []),
      ),
  });
}

/** The critic's value of the state before each response token: one array a sequence. The adapter holds the head. */
export async function* responseValues(
  model: Model,
  adapter: ActiveAdapter,
  sequences: readonly Sequence[],
): AsyncGenerator<Scored, Float32Array[]> {
  return yield* readHidden(model, adapter, sequences.map(predictionRow), { name: 'scalar', read: readScalar });
}

/** The head's output at the last token of each sequence, before any bias. The adapter holds the head. */
export async function* lastScores(
  model: Model,
  adapter: ActiveAdapter,
  sequences: readonly Sequence[],
): AsyncGenerator<Scored, Float32Array> {
  const rows = yield* readHidden(model, adapter, sequences.map(rewardRow), { name: 'scalar', read: readScalar });
  return Float32Array.from(rows, ([score]) => score);
}

const readScalar: Reading['read'] = (ops, hidden) => scalarHead(ops, hidden);

interface Reading {
  /** Part of the session's key. */
  readonly name: string;
  readonly temperature?: number;
  /** The token at each read of a row. */
  readonly targets?: (row: number) => readonly number[];
  readonly read: (ops: OpBuilder, hidden: Tensor, bucket: Bucket, context: ReturnType<typeof adapterContext>) => Tensor;
}

/** Runs all rows through the network and reads one number at each of their places. */
async function* readHidden(
  model: Model,
  adapter: ActiveAdapter | undefined,
  rows: readonly Row[],
  { name, temperature = 1, targets, read }: Reading,
): AsyncGenerator<Scored, Float32Array[]> {
  const results: Float32Array[] = rows.map(({ reads }) => new Float32Array(reads.length));
  const bucket = suitedTo([rows], bucketFor(rows, scoreTokens));
  const { batch, time, reads } = bucket;
  const key = `${name}/${batch}x${time}/${reads}/${loraKey(adapter?.lora)}`;
  const bytes = activationBytes(model.config, batch * time, 'score', time);
  let done = 0;
  for (const packed of pack(rows, bucket)) {
    const session = await model.session(key, bytes, (ops) => {
      const context = adapterContext(ops, adapter?.lora);
      // As segments, whose values TensorFlow frees one by one.
      const hidden = hiddenStates(context, model.config, tokenInputs(ops, batch, time), { recompute: true });
      const places = ops.gatherRows(hidden, ops.input('index', [reads], 'int32')); // [P, D]
      return { values: read(ops, places, bucket, context) };
    });
    const target = new Int32Array(reads);
    for (const { row, start } of packed.rows) target.set(targets?.(row) ?? [], start);
    const { values } = await session.run({
      ...model.feeds,
      ...adapterFeeds(adapter),
      ...packed.feeds,
      target,
      temperature: Float32Array.of(temperature),
    });
    for (const { row, start, count } of packed.rows) {
      results[row].set((values.data as Float32Array).subarray(start, start + count));
    }
    done += packed.rows.length;
    yield { done, total: rows.length };
  }
  return results;
}
