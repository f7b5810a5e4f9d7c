import { hiddenStates, outputMatrix, tokenInputs } from '../../models/network.ts';
import { isFrozen, type OpBuilder, type Tensor } from '../../models/ops.ts';
import { type Bucket, bucketFor, pack } from './batches.ts';
import { activationBytes } from './memory/sessions.ts';
import { type ActiveAdapter, adapterContext, adapterFeeds, loraKey, type Model } from './model.ts';
import type { Scored } from './scoring.ts';
import { predictionRow, type Sequence } from './sequences.ts';

/** Places of a forward pass whose whole distribution is held at once. */
const placesAtOnce = 256;

/**
 * The exact divergence of each response, Σₜ KL(π(· | x₍<ₜ₎) ‖ π_ref(· | x₍<ₜ₎)), nats: at every response token the whole
 * two distributions are compared, so that only the choice of the responses is left to chance. An absent adapter is the
 * bare base. Yields after every pair of forward passes.
 */
export async function* exactDivergences(
  model: Model,
  adapters: { readonly policy: ActiveAdapter | undefined; readonly reference: ActiveAdapter | undefined },
  sequences: readonly Sequence[],
): AsyncGenerator<Scored, Float32Array> {
  const results = new Float32Array(sequences.length);
  const rows = sequences.map(predictionRow);
  const bucket: Bucket = { ...bucketFor(rows, 1024), reads: placesFor(sequences) };
  let done = 0;
  for (const packed of pack(rows, bucket)) {
    const feeds = { ...model.feeds, ...packed.feeds };
    const policy = await distributionSession(model, adapters.policy, bucket, 'distribution');
    const { logps } = await policy.run({ ...feeds, ...adapterFeeds(adapters.policy) });
    const reference = await distributionSession(model, adapters.reference, bucket, 'divergence');
    const other = logps.data as Float32Array;
    const { divergence } = await reference.run({ ...feeds, ...adapterFeeds(adapters.reference), other });
    for (const { row, start, count } of packed.rows) {
      for (const value of divergence.data.subarray(start, start + count)) results[row] += value;
    }
    done += packed.rows.length;
    yield { done, total: rows.length };
  }
  return results;
}

function placesFor(sequences: readonly Sequence[]): number {
  return sequences.reduce((most, { response }) => Math.max(most, response.length), placesAtOnce);
}

/** 'distribution' gives log π [P, V]; 'divergence' compares such an input with its own and gives [P]. */
function distributionSession(
  model: Model,
  adapter: ActiveAdapter | undefined,
  { batch, time, reads }: Bucket,
  kind: 'distribution' | 'divergence',
) {
  const key = `${kind}/${batch}x${time}/${reads}/${loraKey(adapter?.lora)}`;
  const bytes = activationBytes(model.config, batch * time, 'score', time) + 8 * reads * model.config.vocabulary;
  return model.session(key, bytes, (ops): Record<string, Tensor> => {
    const context = adapterContext(ops, adapter?.lora);
    const hidden = hiddenStates(context, model.config, tokenInputs(ops, batch, time), { recompute: true });
    const matrix = outputMatrix(context, model.config);
    if (!isFrozen(matrix)) throw new Error('Distributions are read from a frozen base.');
    const logits = ops.frozenLinear(ops.gatherRows(hidden, ops.input('index', [reads], 'int32')), matrix); // [P, V]
    const logps = logSoftmax(ops, logits);
    if (kind === 'distribution') return { logps };
    const other = ops.input('other', [reads, model.config.vocabulary]);
    return { divergence: ops.sum(ops.mul(ops.exp(other), ops.sub(other, logps)), { axes: [1] }) };
  });
}

function logSoftmax(ops: OpBuilder, logits: Tensor): Tensor {
  const rows = { axes: [1], keepDims: true };
  const shifted = ops.sub(logits, ops.max(logits, rows));
  return ops.sub(shifted, ops.log(ops.sum(ops.exp(shifted), rows)));
}
