import type { NetworkContext } from '../../../models/layers.ts';
import { decodeStates, outputMatrix } from '../../../models/network.ts';
import { isFrozen, type OpBuilder, type Tensor } from '../../../models/ops.ts';
import type { Precision } from '../../protocol/types.ts';
import { type ActiveAdapter, loraKey, type Model } from '../model.ts';
import { onnx } from '../onnx/program.ts';
import { uniform } from '../random.ts';
import type { Feed, Output } from '../runtime.ts';
import { KeyValueCache } from './cache.ts';
import { blockCount, chooseToken, type Distribution, logProbability, type Sampling } from './sampling.ts';

export interface GenerateOptions {
  readonly sampling: Sampling;
  readonly maxNewTokens: number;
  /** A token of this set ends an answer. */
  readonly stopIds: readonly number[];
  readonly seed: number;
  /** Keys the draws together with the answer's number, so that one run's rollouts differ from the next one's. */
  readonly round?: number;
  /** Answers decoded at once. */
  readonly batch?: number;
  /** How products with the frozen base are computed. Default 'float32', whatever the model trains in. */
  readonly precision?: Precision;
  /** The number of the first answer, where `prompts` is a part of a longer list. Default 0. */
  readonly firstAnswer?: number;
}

/** One answer, in the order of the request. */
export interface Answer {
  /** Includes the stop token when `finished`. */
  readonly ids: readonly number[];
  /** log p of each id at the sampling temperature, nats. */
  readonly logps: readonly number[];
  readonly finished: boolean;
}

/** Products of one row are computed by another routine, and differ in the last bits: a lone row gets company. */
const fewestRows = 2;

/** Tokens of a prompt that are run at once. */
const prefillTokens = 32;

/**
 * Answers to `prompts` (token ids), one each; equal prompts next to each other are computed once. Yields the number of
 * tokens decoded so far after every step of the model, and returns the answers in order. What is drawn depends only on
 * seed, round, and an answer's place among the prompts.
 */
export async function* generate(
  model: Model,
  adapter: ActiveAdapter | undefined,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): AsyncGenerator<number, Answer[]> {
  const { batch = 32, firstAnswer = 0 } = options;
  const answers: Answer[] = [];
  let tokens = 0;
  const folded = adapter && withFoldedScale(adapter);
  for (let start = 0; start < prompts.length; start += batch) {
    const group = new Group(model, folded, prompts.slice(start, start + batch), firstAnswer + start, options);
    for await (const decoded of group.run()) yield tokens + decoded;
    answers.push(...group.answers);
    tokens += group.decoded;
  }
  return answers;
}

interface Running {
  /** Place within the group. */
  readonly place: number;
  readonly ids: number[];
  readonly logps: number[];
  /** The token to be read next. */
  next: number;
}

class Group {
  readonly answers: Answer[] = [];
  decoded = 0;
  private readonly model: Model;
  private readonly adapter: ActiveAdapter | undefined;
  private readonly prompts: readonly (readonly number[])[];
  private readonly firstRow: number;
  private readonly options: GenerateOptions;
  private readonly stop: ReadonlySet<number>;
  /** Of the next run: most are the same at every step. */
  private readonly feeds: Record<string, Feed>;

  constructor(
    model: Model,
    adapter: ActiveAdapter | undefined,
    prompts: readonly (readonly number[])[],
    firstRow: number,
    options: GenerateOptions,
  ) {
    this.model = model;
    this.adapter = adapter;
    this.prompts = prompts;
    this.firstRow = firstRow;
    this.options = options;
    this.stop = new Set(options.stopIds);
    const temperature = options.sampling === 'greedy' ? 1 : options.sampling.temperature;
    this.feeds = { ...model.feeds, ...adapter?.feeds, temperature: Float32Array.of(temperature) };
  }

  async *run(): AsyncGenerator<number, void> {
    const unique = uniquePrompts(this.prompts);
    const longest = unique[0].ids.length;
    const cache = new KeyValueCache(this.model.config, Math.max(fewestRows, this.prompts.length), longest + 1);
    const first = yield* this.prefill(unique, cache);
    let running: Running[] = [];
    // Rows are filled from the last to the first, because a prompt's own row lies at or before its answers' rows.
    const sources = unique.flatMap(({ places }, row) => places.map((place) => ({ row, place })));
    for (let k = sources.length - 1; k >= 0; k--) cache.copyRow(sources[k].row, k);
    sources.forEach(({ row, place }) => {
      const entry: Running = { place, ids: [], logps: [], next: 0 };
      this.take(entry, first[row], 0);
      running.push(entry);
    });
    running = this.dropFinished(running, cache);
    while (running.length > 0) {
      const distribution = await this.decode(running, cache);
      running.forEach((entry, row) => {
        this.take(entry, distribution, row);
      });
      running = this.dropFinished(running, cache);
      yield this.decoded;
    }
  }

  /** Runs every distinct prompt into the cache; gives the distribution after each, as row 0 of its own. */
  private async *prefill(unique: readonly Prompt[], cache: KeyValueCache): AsyncGenerator<number, Distribution[]> {
    const results: Distribution[] = [];
    for (let start = 0; start < unique[0].ids.length; start += prefillTokens) {
      // Longest first: the rows that still have tokens are a prefix of the cache.
      const active = unique.filter(({ ids }) => ids.length > start).length;
      const counts = Array.from({ length: active }, (_, row) =>
        Math.min(prefillTokens, unique[row].ids.length - start),
      );
      const ids = new Int32Array(active * prefillTokens);
      const positions = new Int32Array(active * prefillTokens);
      for (let row = 0; row < active; row++) {
        ids.set(unique[row].ids.slice(start, start + counts[row]), row * prefillTokens);
        for (let k = 0; k < counts[row]; k++) positions[row * prefillTokens + k] = start + k;
      }
      const last = new Int32Array(Math.max(fewestRows, active)).fill(counts[0] - 1);
      for (let row = 0; row < active; row++) last[row] = row * prefillTokens + counts[row] - 1;
      const outputs = await this.step(prefillTokens, active, cache, { ids, positions, last });
      cache.append(outputs, counts);
      for (let row = 0; row < active; row++) {
        if (unique[row].ids.length <= start + prefillTokens) results[row] = this.distribution(outputs, row);
      }
      yield this.decoded;
    }
    return results;
  }

  private async decode(running: readonly Running[], cache: KeyValueCache): Promise<Distribution> {
    const rows = Math.max(fewestRows, running.length);
    const ids = Int32Array.from({ length: rows }, (_, row) => running[row]?.next ?? 0);
    const positions = Int32Array.from({ length: rows }, (_, row) => (row < running.length ? cache.lengths[row] : 0));
    const last = Int32Array.from({ length: rows }, (_, row) => row);
    const outputs = await this.step(1, rows, cache, { ids, positions, last });
    cache.append(
      outputs,
      running.map(() => 1),
    );
    return this.distribution(outputs);
  }

  /** The distribution of all rows, or of one alone (a view that stays valid: outputs are fresh at every run). */
  private distribution({ probabilities, blockSums }: Record<string, Output>, row?: number): Distribution {
    const [, vocabulary] = probabilities.shape;
    const [, blocks] = blockSums.shape;
    const rowsOf = ({ data }: Output, width: number) =>
      (row === undefined ? data : data.slice(row * width, (row + 1) * width)) as Float32Array;
    return {
      probabilities: rowsOf(probabilities, vocabulary),
      blockSums: rowsOf(blockSums, blocks),
      vocabulary,
      blocks,
    };
  }

  private take(entry: Running, distribution: Distribution, row: number): void {
    const { seed, round = 0, sampling } = this.options;
    const answer = this.firstRow + entry.place;
    const draw = uniform({ seed, purpose: 'sample', step: round, row: answer }, entry.ids.length);
    entry.next = chooseToken(distribution, row, sampling, draw);
    entry.ids.push(entry.next);
    entry.logps.push(logProbability(distribution, row, entry.next));
    this.decoded++;
  }

  /** Takes the finished answers out; the last running row moves into each gap. */
  private dropFinished(running: Running[], cache: KeyValueCache): Running[] {
    for (let row = running.length - 1; row >= 0; row--) {
      const { place, ids, logps, next } = running[row];
      const finished = this.stop.has(next);
      const full = ids.length >= this.options.maxNewTokens || cache.lengths[row] >= this.model.config.maxPositions;
      if (!finished && !full) continue;
      this.answers[place] = { ids, logps, finished };
      const moved = running.pop()!;
      if (row < running.length) {
        running[row] = moved;
        cache.copyRow(running.length, row);
      }
    }
    return running;
  }

  private async step(
    time: number,
    rows: number,
    cache: KeyValueCache,
    tokens: Readonly<Record<string, Int32Array>>,
  ): Promise<Record<string, Output>> {
    const { model, adapter } = this;
    const key = `decode/${time}/${loraKey(adapter?.lora)}`;
    const { precision = 'float32' } = this.options;
    // A prompt's many rows repay packing at every run; a single token's do not.
    const options = { runtime: onnx, precision, pack: time === 1 };
    const session = await model.session(key, 2e8, (ops) => this.graph(ops, time), options);
    Object.assign(this.feeds, cache.feeds(rows));
    for (const [name, data] of Object.entries(tokens)) this.feeds[name] = { data, shape: [data.length] };
    return session.run(this.feeds);
  }

  private graph(ops: OpBuilder, time: number): Record<string, Tensor> {
    const { config } = this.model;
    const lora = this.adapter?.lora;
    const context: NetworkContext = { ops, train: 'adapter', ...(lora && { lora, loraScale: 'folded' }) };
    const { hidden, cache } = decodeStates(context, config, time);
    const matrix = outputMatrix(context, config);
    if (!isFrozen(matrix)) throw new Error('Decoding reads a frozen base.');
    const logits = ops.div(ops.frozenLinear(hidden, matrix), ops.input('temperature', [])); // [B, V]
    const probabilities = ops.softmax(logits);
    const blocks = blockCount(config.vocabulary);
    const blockSums = ops.sum(ops.reshape(probabilities, ['asked', blocks, config.vocabulary / blocks]), { axes: [2] });
    return { probabilities, blockSums, ...cache };
  }
}

/** The adapter with its scale multiplied into the matrices B, so that no graph has to at every token. */
function withFoldedScale({ lora, scale, feeds }: ActiveAdapter): ActiveAdapter {
  const folded = Object.entries(feeds).map(([name, data]) => [
    name,
    name.endsWith('.lora_B.weight') ? data.map((value) => value * scale) : data,
  ]);
  return { lora, scale: 1, feeds: Object.fromEntries(folded) };
}

interface Prompt {
  readonly ids: readonly number[];
  /** Which answers of the group it belongs to. */
  readonly places: number[];
}

/** The distinct prompts, the longest first. */
function uniquePrompts(prompts: readonly (readonly number[])[]): Prompt[] {
  const byKey = new Map<string, Prompt>();
  prompts.forEach((ids, place) => {
    if (ids.length === 0) throw new RangeError(`Prompt ${place} has no tokens.`);
    const key = ids.join();
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { ids, places: [place] });
    else known.places.push(place);
  });
  return [...byKey.values()].sort((a, b) => b.ids.length - a.ids.length);
}
