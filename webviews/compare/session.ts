import type {
  CompareQueue,
  CompareSettings,
  Comparison,
  LabelProgress,
  Recorded,
  RecordedEvent,
} from '../../server/protocol/types.ts';
import type { CompareHostMethods, CompareKeys, CompareStart } from '../protocol/compare.ts';
import { defaultKeys } from '../protocol/compare.ts';
import type { Messenger } from '../protocol/messenger.ts';
import { createDrafts, type Draft, type Drafts } from './drafts.ts';
import { readKeys } from './keys.ts';
import { comparisonOf, createOutbox, type KeptOperation, type Operation, type Outbox } from './outbox.ts';
import { createPairs, isComparison } from './pairs.ts';
import { foreseen, noProgress, totalOf } from './progress.ts';
import { type Pick, pickOf, recordedChoice } from './scale.ts';

/** What survives hiding and reloading the page. */
export interface KeptSession {
  readonly current?: string;
  readonly drafts: Readonly<Record<string, Draft>>;
  readonly outbox: readonly KeptOperation[];
}

/** What the session tells the page that shows it. */
export interface SessionView {
  /** Another pair, or none: paint it now. */
  show(): void;
  /** Progress, the last decision, keys or settings. */
  changed(): void;
  say(sentence: string): void;
  alert(sentence: string): void;
}

/** Pairs that are asked for, and how few make the page ask again. */
const ahead = 6;
const fewest = 4;

/** The queue of pairs, the outbox of decisions, and what comes back: everything of the panel that is not drawn. */
export class Session {
  status: 'loading' | 'ready' | 'failed' = 'loading';
  /** Why it failed. */
  failure = '';
  /** Why there is nothing to compare. */
  empty: CompareQueue['empty'];
  settings: CompareSettings = { scale: 4, aspects: [], guidelines: '' };
  keys: CompareKeys = defaultKeys;
  annotator = '';
  /** The newest decision that is on the disk. */
  last: RecordedEvent | undefined;
  readonly drafts: Drafts;

  #told: LabelProgress = noProgress;
  /** A refill is on its way. */
  #asking = false;
  /** Nothing more was there when the page asked last. */
  #exhausted = false;
  /** Answers to questions of before a refresh are out of date. */
  #generation = 0;
  readonly #call: Messenger<CompareHostMethods>['call'];
  readonly #kept: { readonly [Name in keyof KeptSession]?: unknown };
  readonly #view: SessionView;
  readonly #pairs = createPairs();
  readonly #outbox: Outbox;
  /** What was put in for pairs that were decided here, for when one is taken back. */
  readonly #remembered = new Map<string, Draft>();

  /** @param kept what `kept()` gave before the page was reloaded, whatever is left of it */
  constructor(
    call: Messenger<CompareHostMethods>['call'],
    kept: { readonly [Name in keyof KeptSession]?: unknown },
    view: SessionView,
  ) {
    this.#call = call;
    this.#kept = kept;
    this.#view = view;
    this.drafts = createDrafts(kept.drafts);
    this.#outbox = createOutbox({
      send: (operation) => this.#send(operation),
      accepted: (operation, recorded) => this.#accepted(operation, recorded),
      refused: (operation, sentence) => this.#refused(operation, sentence),
    });
  }

  get current(): Comparison | null {
    return this.#pairs.current;
  }

  /** Next first. */
  get upcoming(): readonly Comparison[] {
    return this.#pairs.upcoming;
  }

  /** On its way to the disk, oldest first. */
  get saving(): readonly Operation[] {
    return this.#outbox.waiting;
  }

  /** An undo or a redo is on its way: which pair comes next is not known yet. */
  get turning(): boolean {
    return this.saving.some(({ kind }) => kind === 'undo' || kind === 'redo');
  }

  /** With what is on its way counted as done. */
  get progress(): LabelProgress {
    return foreseen(this.#told, this.saving);
  }

  kept(): KeptSession {
    const current = this.current?.id;
    return { ...(current === undefined ? {} : { current }), drafts: this.drafts.kept(), outbox: this.#outbox.kept() };
  }

  start(): Promise<void> {
    this.status = 'loading';
    const current = this.#kept.current;
    return this.#ask(typeof current === 'string' ? current : undefined);
  }

  /** Labels or settings changed elsewhere. */
  refresh(): Promise<void> {
    return this.status === 'ready' ? this.#ask(this.current?.id) : this.start();
  }

  decide(pick: Pick, ms: number): void {
    this.#leave((comparison) => {
      const { comment, aspects } = this.drafts.of(comparison);
      const { scale, aspects: asked } = this.settings;
      const shown = idsOf(comparison);
      const rated = Object.fromEntries(Object.entries(aspects).filter(([name]) => asked.includes(name)));
      const chosen = recordedChoice(pick, shown, scale);
      const decision = { comparison: comparison.id, shown, ...chosen, scale, aspects: rated, comment, ms };
      return { kind: 'decide', decision, comparison };
    });
  }

  skip(reason: string, ms: number): void {
    this.#leave((comparison) => {
      const skip = { comparison: comparison.id, shown: idsOf(comparison), reason, ms };
      return { kind: 'skip', skip, comparison };
    });
  }

  undo(): void {
    const taken = this.saving.map((operation) => (operation.kind === 'undo' ? operation.of : undefined));
    const of = this.saving.findLast((one) => comparisonOf(one) !== undefined && !taken.includes(one));
    this.#outbox.add({ kind: 'undo', of });
    this.#view.changed();
  }

  redo(): void {
    this.#outbox.add({ kind: 'redo' });
    this.#view.changed();
  }

  #leave(operation: (comparison: Comparison) => Operation): void {
    const comparison = this.current;
    if (!comparison) return;
    this.#pairs.close(comparison.id);
    this.#outbox.add(operation(comparison));
    this.#next();
    this.#view.changed();
  }

  #next(): void {
    this.#pairs.next();
    this.#view.show();
    this.#refill();
  }

  #send(operation: Operation): Promise<Recorded | null> {
    if (operation.kind === 'decide') return this.#call('decide', operation.decision);
    return operation.kind === 'skip' ? this.#call('skip', operation.skip) : this.#call(operation.kind, null);
  }

  #accepted(operation: Operation, recorded: Recorded | null): void {
    this.#told = recorded?.progress ?? this.#told;
    if (operation.kind === 'undo' || operation.kind === 'redo') {
      if (!recorded) this.#view.alert(`There is nothing to ${operation.kind}.`);
      else {
        this.last = recorded.last ?? (operation.kind === 'redo' ? recorded.event : undefined);
        if (operation.kind === 'undo') this.#undone(recorded);
        else this.#redone(recorded);
      }
    } else {
      const id = comparisonOf(operation)!;
      this.last = recorded?.last ?? recorded?.event ?? this.last;
      this.#remembered.set(id, this.drafts.of({ id }));
      this.drafts.drop(id);
      this.#view.say(`Saved, ${this.progress.decided} of ${totalOf(this.progress)}`);
    }
    this.#settle();
  }

  /** A refused decision or skip: its pair is shown again with everything the person had put in. */
  #refused(operation: Operation, sentence: string): void {
    this.#view.alert(sentence);
    if (operation.kind === 'decide' || operation.kind === 'skip') {
      const id = comparisonOf(operation)!;
      this.#pairs.reopen(id);
      if (operation.kind === 'decide') {
        const { decision } = operation;
        const { comment, aspects, shown } = decision;
        this.drafts.change({ id }, { comment, aspects, sentence, pick: pickOf(decision, shown, this.settings.scale) });
      } else this.drafts.change({ id }, { sentence });
      // After a reload the page has no texts of it: the host has.
      if (!operation.comparison) this.#exhausted = false;
      else if (this.#pairs.putBack(operation.comparison)) this.#view.show();
    }
    this.#settle();
  }

  #settle(): void {
    // The host knows best why there is nothing left, and it knows when everything has arrived.
    if (!this.current && this.saving.length === 0) this.#exhausted = false;
    this.#view.changed();
    this.#refill();
  }

  #undone({ event, reopened }: Recorded): void {
    this.#pairs.reopen(event.comparison);
    if (!isComparison(reopened)) {
      this.#view.say('Taken back. Its responses are no longer in the project.');
      return;
    }
    const { choice, scale, strength, comment = '' } = event;
    const known = choice !== undefined && scale !== undefined;
    const before = known ? pickOf({ choice, scale, strength }, idsOf(reopened), this.settings.scale) : undefined;
    const { aspects = {} } = this.#remembered.get(reopened.id) ?? {};
    this.drafts.change(reopened, { comment, aspects, before, pick: undefined, sentence: undefined });
    this.#pairs.putFirst(reopened);
    this.#view.show();
    this.#view.say('Taken back. Decide again, or redo.');
  }

  #redone({ event }: Recorded): void {
    this.drafts.drop(event.comparison);
    this.#view.say('Decided again.');
    if (this.#pairs.close(event.comparison)) this.#next();
  }

  async #ask(current: string | undefined): Promise<void> {
    const asked = ++this.#generation;
    const first = this.status !== 'ready';
    const acknowledged = this.#pairs.closedExcept(this.saving.map(comparisonOf));
    try {
      const start = await this.#call('ready', current === undefined ? {} : { current });
      if (asked !== this.#generation) return;
      if (first) this.#sendAgain(start.queue.last);
      this.#adopt(start, acknowledged);
    } catch (error) {
      if (asked !== this.#generation) return;
      this.failure = (error as Error).message;
      if (!first) return this.#view.alert(this.failure);
      this.status = 'failed';
      this.#view.show();
    }
  }

  #adopt(start: CompareStart, acknowledged: ReadonlySet<string>): void {
    const { progress, settings, last, empty, comparisons } = start.queue;
    this.#told = progress;
    Object.assign(this, { settings, last, empty, keys: readKeys(start.keys), annotator: String(start.annotator) });
    this.#pairs.forget(acknowledged);
    const before = this.status === 'ready' ? this.current : undefined;
    const stays = isComparison(start.current) && !this.#pairs.isClosed(start.current.id) ? start.current : null;
    this.#pairs.replace(comparisons, stays);
    this.#exhausted = comparisons.length === 0;
    this.status = 'ready';
    if (before && !stays) this.#view.say('That pair was decided elsewhere. This is the next.');
    if (!before || before.id !== this.current?.id) this.#view.show();
    this.#view.changed();
    this.#refill();
  }

  /** What was on its way when the page went. Its first one may have arrived: then it is the newest on the disk. */
  #sendAgain(newest: RecordedEvent | undefined): void {
    const operations = readOperations(this.#kept.outbox);
    if (operations[0] && comparisonOf(operations[0]) === newest?.comparison) operations.shift();
    for (const operation of operations) {
      this.#pairs.close(comparisonOf(operation)!);
      this.#outbox.add(operation);
    }
  }

  #refill(): void {
    if (this.status !== 'ready' || this.#asking || this.#exhausted || this.upcoming.length >= fewest) return;
    this.#asking = true;
    const asked = this.#generation;
    const shown = [this.current, ...this.upcoming].flatMap((pair) => pair?.id ?? []);
    const held = [...shown, ...this.saving.flatMap((operation) => comparisonOf(operation) ?? [])];
    this.#call('more', { count: ahead - this.upcoming.length, held })
      .then((queue) => {
        if (asked === this.#generation) this.#received(queue);
      })
      .catch((error: Error) => {
        // Asked again with the next decision; where there is none to make, by the person.
        this.failure = error.message;
        if (asked !== this.#generation || this.current) return;
        this.status = 'failed';
        this.#view.show();
      })
      .finally(() => {
        this.#asking = false;
      });
  }

  #received(queue: CompareQueue): void {
    const hadNone = this.current === null;
    this.#exhausted = !this.#pairs.append(queue.comparisons);
    Object.assign(this, { settings: queue.settings, empty: queue.empty });
    if (this.saving.length === 0) {
      this.#told = queue.progress;
      this.last = queue.last;
    }
    if (hadNone) this.#view.show();
    this.#view.changed();
  }
}

const idsOf = ({ shown }: Comparison): [string, string] => [shown[0].id, shown[1].id];

function readOperations(kept: unknown): KeptOperation[] {
  if (!Array.isArray(kept)) return [];
  return kept.filter(
    (operation): operation is KeptOperation =>
      (operation?.kind === 'decide' && typeof operation.decision?.comparison === 'string') ||
      (operation?.kind === 'skip' && typeof operation.skip?.comparison === 'string'),
  );
}
