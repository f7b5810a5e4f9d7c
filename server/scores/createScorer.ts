import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { EngineHost } from '../jobs/engineHost.ts';
import { EngineCrashed, EngineStopped } from '../jobs/engineProcess.ts';
import type { CompletionRow, ScoredText } from '../protocol/types.ts';
import type { ProjectStore } from '../store/projectStore.ts';
import { contentKey } from './contentKey.ts';
import { LabelledRewards, type LabelledSample, type LabelledSource, readLabelledSample } from './labelledScores.ts';
import { type IdentifiedModel, RewardIdentity, type RewardModelPaths } from './rewardIdentity.ts';
import { ScoreCache, type ScoreTable } from './scoreCache.ts';
import { type Outcome, type Outcomes, ScoreQueue } from './scoreQueue.ts';
import type { LabelledScores, RewardModel, RowScore, ScoreOptions, Scorer } from './scorer.ts';

export interface ScorerOptions {
  readonly store: LabelledSource & Pick<ProjectStore, 'folder'>;
  readonly engineHost: EngineHost;
  /** Which reward model's scores are shown, base resolved; undefined: there is none. Asked at most twice a second. */
  readonly activeRewardModel: () => Promise<RewardModelPaths | undefined>;
  readonly log?: (message: string) => void;
  /** Milliseconds from a new score to the disk. Default 1000. */
  readonly writeDelay?: number;
}

/** A base of at most this many bytes is loaded for whoever looks at a file. */
const smallModel = 64 * 2 ** 20;
/** An engine that crashed or refused is left alone for so many milliseconds, but for who asks. */
const afterCrash = 60_000;
/** Milliseconds for which the active reward model is taken to be the same, and after which nobody gets an old answer. */
const lookAgain = 500;
const outdated = 3000;
const mostErrors = 10_000;

export function createScorer(options: ScorerOptions): Scorer {
  return new ProjectScorer(options);
}

/** What is known of the active reward model. */
interface Known extends Outcomes {
  readonly rewardModel: IdentifiedModel;
  readonly errors: Map<string, string>;
  readonly table: ScoreTable;
}

class ProjectScorer implements Scorer {
  readonly #options: ScorerOptions;
  readonly #identity = new RewardIdentity();
  readonly #cache: ScoreCache;
  readonly #queue: ScoreQueue;
  readonly #listeners = new Set<(what: 'scores' | 'rewardModel') => void>();
  readonly #ending: () => void;
  #opened: { readonly at: number; readonly known: Promise<Known | undefined> } | undefined;
  #known: Known | undefined;
  #sample: Promise<LabelledSample> | undefined;
  #rewards: LabelledRewards | undefined;
  #scoringSample = false;
  #sampleFailedAt = Number.NEGATIVE_INFINITY;
  #crashedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ScorerOptions) {
    this.#options = options;
    const { store, engineHost, log, writeDelay: delay } = options;
    const folder = join(store.folder, '.palate', 'cache', 'scores');
    this.#cache = new ScoreCache({ folder, log, ...(delay === undefined ? {} : { delay }) });
    this.#queue = new ScoreQueue(engineHost);
    this.#ending = store.onChange((what) => {
      if (what === 'config') return;
      this.#sample = undefined;
      this.#rewards = undefined;
    });
  }

  async rewardModel(): Promise<RewardModel | undefined> {
    const known = await this.#open();
    if (known === undefined) return undefined;
    const { identity, model, adapter } = known.rewardModel;
    return { identity, model, adapter };
  }

  async cached(rows: readonly CompletionRow[]): Promise<readonly (ScoredText | undefined)[]> {
    const scores = await this.lookup(rows.map(contentKey));
    return scores.map((score) => (score === undefined || 'error' in score ? undefined : score));
  }

  async lookup(keys: readonly string[]): Promise<readonly (RowScore | undefined)[]> {
    const known = await this.#open();
    if (known === undefined) return keys.map(() => undefined);
    const outcomes = keys.map((key) => known.get(key));
    const rewards = outcomes.some((outcome) => outcome !== undefined) ? await this.#labelledRewards(known) : undefined;
    return outcomes.map((outcome) => outcome && withPercentile(outcome, rewards));
  }

  async score(rows: readonly CompletionRow[], options: ScoreOptions = {}): Promise<readonly ScoredText[]> {
    const scores = await this.scoreEach(rows, options);
    return scores.map((score, row) => {
      if (!('error' in score)) return score;
      throw new UserError(rows.length === 1 ? score.error : `Row ${row + 1}: ${score.error}`);
    });
  }

  async scoreEach(rows: readonly CompletionRow[], options: ScoreOptions = {}): Promise<readonly RowScore[]> {
    const known = await this.#open();
    if (known === undefined) {
      throw new UserError('This project has no reward model yet. Label comparisons, then run "Palate: Train…".');
    }
    const outcomes = await this.#compute(known, rows, rows.map(contentKey), options);
    const rewards = await this.#labelledRewards(known);
    return outcomes.map((outcome) => withPercentile(outcome, rewards));
  }

  async mayScoreUnasked(): Promise<boolean> {
    const known = await this.#open();
    if (known === undefined || performance.now() - this.#crashedAt < afterCrash) return false;
    const { engineHost: engine } = this.#options;
    if (engine.holds(known.rewardModel.model)) return true;
    // Training holds one base at a time: loading another would take it away.
    return !engine.busy && known.rewardModel.weightBytes <= smallModel;
  }

  async labelled(): Promise<LabelledScores> {
    const known = await this.#open();
    const rewards = known && (await this.#labelledRewards(known));
    return rewards ?? { responses: 0 };
  }

  rewardModelChanged(): void {
    this.#opened = undefined;
    this.#rewards = undefined;
    this.#tell('rewardModel');
  }

  onChange(listener: (what: 'scores' | 'rewardModel') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#ending();
    this.#listeners.clear();
    await this.#queue.close();
    await this.#cache.close();
  }

  #tell(what: 'scores' | 'rewardModel'): void {
    for (const listener of this.#listeners) listener(what);
  }

  /**
   * The active reward model and its scores. Looked for again after a moment, because a terminal may have trained another;
   * who asks often is not kept waiting for that.
   */
  #open(): Promise<Known | undefined> {
    const opened = this.#opened;
    const age = performance.now() - (opened?.at ?? Number.NEGATIVE_INFINITY);
    if (opened && age < lookAgain) return opened.known;
    const known = this.#openActive();
    this.#opened = { at: performance.now(), known };
    known.catch(() => {
      if (this.#opened?.known === known) this.#opened = undefined;
    });
    if (!opened || age > outdated) return known;
    const told = async () => (await known) !== (await opened.known) && this.#tell('rewardModel');
    told().catch(() => {});
    return opened.known;
  }

  async #openActive(): Promise<Known | undefined> {
    const paths = await this.#options.activeRewardModel();
    const rewardModel = paths && (await this.#identity.of(paths));
    if (rewardModel === undefined) return undefined;
    const before = this.#known;
    if (before?.rewardModel.identity === rewardModel.identity && before.rewardModel.adapter === rewardModel.adapter) {
      return before;
    }
    const table = await this.#cache.open(rewardModel.identity);
    const errors = new Map<string, string>();
    const known: Known = {
      rewardModel,
      errors,
      table,
      get: (key) => outcomeOf(table.get(key), errors.get(key)),
      set: (key, outcome) => {
        if ('reward' in outcome) return table.set(key, outcome.reward);
        errors.set(key, outcome.error);
        if (errors.size > mostErrors) errors.delete(errors.keys().next().value as string);
      },
    };
    this.#known = known;
    this.#rewards = undefined;
    return known;
  }

  async #compute(
    known: Known,
    rows: readonly CompletionRow[],
    keys: readonly string[],
    { onProgress, ...options }: ScoreOptions,
  ): Promise<Outcome[]> {
    const outcomes: Outcomes = {
      get: (key) => known.get(key),
      set: (key, outcome) => {
        known.set(key, outcome);
        this.#tell('scores');
      },
    };
    let done = 0;
    const { engineHost: engine } = this.#options;
    // Another base than the one that trains has to wait until the training is over.
    const apart = engine.busy && !engine.holds(known.rewardModel.model);
    try {
      return await this.#queue.add({
        ...options,
        ...(apart ? { priority: 'background' } : {}),
        rewardModel: known.rewardModel,
        rows,
        keys,
        outcomes,
        onOutcome: () => onProgress?.(++done, rows.length),
      });
    } catch (error) {
      if (error instanceof EngineCrashed) this.#crashedAt = performance.now();
      throw error;
    }
  }

  /** What is known now; what is missing is scored when the engine has nothing else to do. */
  async #labelledRewards(known: Known): Promise<LabelledRewards> {
    if (this.#rewards !== undefined) return this.#rewards;
    this.#sample ??= readLabelledSample(this.#options.store);
    let sample: LabelledSample;
    try {
      sample = await this.#sample;
    } catch (error) {
      this.#sample = undefined;
      this.#options.log?.(`The labelled responses could not be read: ${(error as Error).message}`);
      return new LabelledRewards({ responses: [], pairs: [] }, () => undefined);
    }
    const rewards = new LabelledRewards(sample, (key) => known.table.get(key));
    const texts = new Map(
      [...sample.responses, ...sample.pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])].map(
        ({ key, row }) => [key, row],
      ),
    );
    const missing = [...texts].filter(([key]) => known.get(key) === undefined);
    if (missing.length === 0) this.#rewards = rewards;
    else void this.#scoreSample(known, missing);
    return rewards;
  }

  async #scoreSample(known: Known, missing: readonly (readonly [string, CompletionRow])[]): Promise<void> {
    if (this.#scoringSample || performance.now() - this.#sampleFailedAt < afterCrash) return;
    this.#scoringSample = true;
    try {
      if (this.#options.engineHost.busy || !(await this.mayScoreUnasked())) return;
      const rows = missing.map(([, row]) => row);
      const keys = missing.map(([key]) => key);
      const ending = new AbortController();
      // Training has the engine for itself; what was scored until then is kept.
      const onProgress = () => this.#options.engineHost.busy && ending.abort();
      await this.#compute(known, rows, keys, { urgency: 'idle', signal: ending.signal, onProgress });
      this.#rewards = undefined;
      this.#tell('scores');
    } catch (error) {
      if (error instanceof EngineStopped) return;
      this.#sampleFailedAt = performance.now();
      this.#options.log?.(`The labelled responses could not be scored: ${(error as Error).message}`);
    } finally {
      this.#scoringSample = false;
    }
  }
}

function outcomeOf(reward: number | undefined, error: string | undefined): Outcome | undefined {
  if (reward !== undefined) return { reward };
  return error === undefined ? undefined : { error };
}

function withPercentile(outcome: Outcome, rewards: LabelledRewards | undefined): RowScore {
  if ('error' in outcome) return outcome;
  const percentile = rewards?.percentile(outcome.reward);
  return percentile === undefined ? { reward: outcome.reward } : { reward: outcome.reward, percentile };
}
