import type { Comparison } from '../../server/protocol/types.ts';
import { dialogIsOpen } from '../common/dialog.ts';
import { button, element, fill } from '../common/elements.ts';
import { liveRegion } from '../common/live.ts';
import { painted } from '../common/slices.ts';
import { copyAddresses } from '../common/text/copyAddresses.ts';
import type { CompareAction, CompareHostMethods } from '../protocol/compare.ts';
import type { Messenger } from '../protocol/messenger.ts';
import { type Deck, deck } from './deck.ts';
import { askReason, showGuidelines, showKeys } from './dialogs.ts';
import type { Draft } from './drafts.ts';
import { notice } from './notice.ts';
import type { PairView, Preferences } from './pairView.ts';
import { createLoader } from './pictures/loader.ts';
import { PicturePair, picturesOf } from './pictures/picturePair.ts';
import { placeholder } from './placeholder.ts';
import { progressBar } from './progress.ts';
import { type Pick, pickName, plainStep } from './scale.ts';
import { Session } from './session.ts';
import { strip } from './strip.ts';
import { TextPair } from './textPair.ts';

/** Faster than anyone reads, in milliseconds, and how many in a row are told. */
const improbable = 400;
const improbableRow = 3;
/** A pair that came back by itself may lie under a finger that was meant for another one. */
const settling = 600;

/** What is on the screen, and what a pick, a key or a command does with it. */
export class Panel {
  readonly session: Session;
  readonly preferences: Preferences;
  readonly #call: Messenger<CompareHostMethods>['call'];
  readonly #keep: () => void;
  readonly #page: HTMLElement;
  readonly #live = liveRegion();
  readonly #progress = progressBar();
  readonly #tools = element('div', { class: 'tools-place' });
  readonly #help = element('div', { class: 'tools' });
  readonly #notice = notice(this.#live, () => this.focus());
  readonly #stage = element('div', { class: 'stage' });
  readonly #deckPlace = element('div', { class: 'deck-place' });
  readonly #strip = strip(
    () => this.undo(),
    () => this.redo(),
  );
  readonly #loader;
  #deck: Deck | undefined;
  #deckMadeOf = '';
  #emptyOf = '';
  #view: PairView | undefined;
  /** The next pair, made while this one is looked at. */
  #ready: PairView | undefined;
  #paintedAt: number | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #quick = 0;

  /** @param keep called whenever something changed that a reload must not lose */
  constructor(
    page: HTMLElement,
    call: Messenger<CompareHostMethods>['call'],
    kept: object,
    preferences: Preferences,
    keep: () => void,
  ) {
    this.#page = page;
    this.#call = call;
    this.#keep = keep;
    this.preferences = preferences;
    this.#loader = createLoader((path) => call('image', { path }));
    this.session = new Session(call, kept, {
      show: () => this.#show(),
      changed: () => this.#changed(),
      say: this.#live.say,
      alert: (sentence) => this.#notice.alert(sentence, 'error'),
    });
    fill(
      page,
      element('h1', { class: 'unseen' }, 'Compare two responses'),
      element('header', { class: 'top' }, this.#progress.root, this.#tools, this.#help),
      this.#stage,
      element('footer', { class: 'foot' }, this.#notice.root, this.#deckPlace, this.#strip.root),
    );
    document.body.append(this.#live.region);
    copyAddresses(page, this.#live.say);
    this.#show();
  }

  get view(): PairView | undefined {
    return this.#view;
  }

  get deck(): Deck | undefined {
    return this.#view && this.#deck;
  }

  /** A choice was made by a key or a click: it decides, or waits for Enter where aspects are asked for. */
  pick(pick: Pick): void {
    if (!this.session.current || !this.#mayDecide()) return;
    if (typeof pick !== 'number' && !this.#view?.seen()) {
      this.#notice.alert('The pictures have not appeared yet. Look at them first, or skip.');
      return;
    }
    if (this.session.settings.aspects.length === 0) this.#decide(pick);
    else {
      this.#draft({ pick });
      this.#live.say(`${pickName(pick, this.session.settings.scale)}. Enter submits.`);
    }
  }

  /** Enter: what was picked is decided, once every aspect is rated. */
  submit(): void {
    const comparison = this.session.current;
    if (!comparison || !this.#mayDecide()) return;
    const { pick, aspects } = this.session.drafts.of(comparison);
    const missing = this.session.settings.aspects.findIndex((name) => aspects[name] === undefined);
    if (missing >= 0) {
      this.#deck?.aspects.activate(missing);
      this.#notice.alert(`Rate ${this.session.settings.aspects[missing]} first.`);
    } else if (pick === undefined) {
      this.#deck?.choices.row.focus();
      this.#notice.alert('Pick the better response first.');
    } else this.#decide(pick);
  }

  get hasPick(): boolean {
    return this.session.current !== null && this.session.drafts.of(this.session.current).pick !== undefined;
  }

  /** The comment is done: with everything else in place, so is the decision. */
  submitPicked(): void {
    if (this.hasPick) this.submit();
    else if (this.session.current) this.#live.say('The comment is saved with your decision.');
  }

  /** "A" or "B" without a degree. */
  pickPlain(side: 'a' | 'b'): void {
    this.pick(plainStep(side, this.session.settings.scale));
  }

  skip(): void {
    const comparison = this.session.current;
    if (!comparison || dialogIsOpen() || !this.#mayDecide()) return;
    askReason(
      (reason) => {
        // While the question stood there, an earlier pair may have come back.
        if (this.session.current?.id === comparison.id) this.session.skip(reason, this.#took());
      },
      () => this.#page.focus({ preventScroll: true }),
    );
  }

  undo(): void {
    this.session.undo();
  }

  redo(): void {
    this.session.redo();
  }

  comment(): void {
    if (this.session.current) this.#deck?.comment();
  }

  /** True: it was one of the panel's. */
  act(action: CompareAction): boolean {
    const { keys, settings } = this.session;
    const back = () => this.#page.focus({ preventScroll: true });
    if (action === 'help') showKeys(keys, settings.scale, settings.aspects.length, back);
    else if (action === 'guidelines') {
      showGuidelines(settings.guidelines, () => void this.#open('guidelines'), back);
    } else return false;
    return true;
  }

  focus(): void {
    this.#page.focus({ preventScroll: true });
  }

  #mayDecide(): boolean {
    if (this.session.turning) this.#live.say('Wait: the last decision is being changed.');
    else if (this.#paintedAt === undefined) this.#live.say('The pair is not on the screen yet.');
    else if (this.#settling !== undefined) this.#live.say('This pair has just come back: look at it again.');
    else return true;
    return false;
  }

  #took = () => Math.round(performance.now() - (this.#paintedAt ?? performance.now()));

  #decide(pick: Pick): void {
    performance.mark('palate:choice');
    const took = this.#took();
    this.#quick = took < improbable ? this.#quick + 1 : 0;
    this.session.decide(pick, took);
    if (this.#quick >= improbableRow) this.#warn();
  }

  #warn(): void {
    this.#quick = 0;
    const each = `${improbable / 1000} seconds each`;
    this.#notice.alert(`${improbableRow} decisions in a row took less than ${each}. Undo takes them back one by one.`);
  }

  #draft(change: Partial<Draft>): void {
    const comparison = this.session.current;
    if (!comparison) return;
    this.#deck?.show(this.session.drafts.change(comparison, change));
    this.#keep();
  }

  /** Another pair, or none. */
  #show(): void {
    const comparison = this.session.current;
    const hadFocus = this.#stage.contains(document.activeElement) || this.#tools.contains(document.activeElement);
    const leaving = this.#view;
    this.#paintedAt = undefined;
    this.#view = comparison ? this.#take(comparison) : undefined;
    fill(this.#stage, this.#view ? this.#view.root : this.#placeholder());
    fill(this.#tools, this.#view?.tools);
    leaving?.dispose();
    this.#showDeck(true);
    this.#showNotice();
    window.scrollTo(0, 0);
    if (hadFocus || document.activeElement === document.body) this.focus();
    this.#page.dataset.pair = comparison?.id ?? '';
    void this.#afterPaint();
    this.#changed();
  }

  #placeholder(): HTMLElement {
    return placeholder(
      this.session,
      (what) => void this.#open(what),
      () => void this.session.start(),
    );
  }

  async #open(what: CompareHostMethods['open']['params']['what']): Promise<void> {
    await this.#call('open', { what }).catch((error: Error) => this.#notice.show(error.message, 'error'));
  }

  #take(comparison: Comparison): PairView {
    const made = this.#ready;
    this.#ready = undefined;
    if (made?.comparison === comparison) {
      made.refresh();
      return made;
    }
    made?.dispose();
    return this.#make(comparison);
  }

  #make(comparison: Comparison): PairView {
    const { keys } = this.session;
    const pictures = comparison.shown.some((response) => picturesOf(response).length > 0);
    return pictures
      ? new PicturePair(comparison, this.preferences, keys, this.#loader, this.#keep)
      : new TextPair(comparison, this.preferences, keys, this.#keep);
  }

  async #afterPaint(): Promise<void> {
    const view = this.#view;
    if (!view) return;
    await painted();
    if (this.#view !== view) return;
    this.#paintedAt = performance.now();
    this.#page.dataset.painted = view.comparison.id;
    performance.mark('palate:painted', { detail: view.comparison.id });
    const next = this.session.upcoming[0];
    for (const coming of this.session.upcoming.slice(0, 4)) {
      for (const path of coming.shown.flatMap(picturesOf)) this.#loader.load(path).catch(() => {});
    }
    await painted();
    if (this.#view === view && next && !this.#ready) this.#ready = this.#make(next);
  }

  #showNotice(): void {
    const comparison = this.session.current;
    const sentence = comparison && this.session.drafts.of(comparison).sentence;
    if (!sentence) {
      this.#notice.hide();
      return;
    }
    this.#settle();
    const { pick } = this.session.drafts.of(comparison);
    this.#notice.show(
      sentence,
      'error',
      ...(pick === undefined ? [] : [button('Save again', () => this.submit(), { look: 'primary', key: 'Enter' })]),
    );
  }

  /** Takes no decision for a moment. */
  #settle(): void {
    clearTimeout(this.#settling);
    this.#page.dataset.settling = '';
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      delete this.#page.dataset.settling;
    }, settling);
  }

  #showDeck(another: boolean): void {
    const { settings, keys, current } = this.session;
    const madeOf = JSON.stringify([settings.scale, settings.aspects, keys]);
    if (madeOf !== this.#deckMadeOf) {
      this.#deckMadeOf = madeOf;
      this.#deck = deck(settings, keys, {
        picked: (pick) => this.pick(pick),
        rated: (name, rating) => this.#draft({ aspects: { ...this.#aspects(), [name]: rating } }),
        commented: (comment) => this.#draft({ comment }),
        submit: () => this.submit(),
        skip: () => this.skip(),
      });
      fill(this.#deckPlace, this.#deck.root);
      fill(
        this.#help,
        button('Guidelines', () => this.act('guidelines'), { look: 'quiet', key: keys.guidelines }),
        button('Keys', () => this.act('help'), { look: 'quiet', key: keys.help }),
      );
    }
    this.#deckPlace.hidden = !current;
    if (current) this.#deck?.show(this.session.drafts.of(current));
    if (another) this.#deck?.aspects.activate(undefined);
  }

  #aspects(): Readonly<Record<string, number>> {
    return this.session.current ? this.session.drafts.of(this.session.current).aspects : {};
  }

  /** Progress, the last decision, keys or settings. */
  #changed(): void {
    const { progress, saving, last, current } = this.session;
    this.#progress.show(progress);
    this.#strip.show({ last, saving, canUndo: progress.canUndo, canRedo: progress.canRedo });
    this.#showDeck(false);
    const { status, failure, empty } = this.session;
    const emptyOf = current ? '' : JSON.stringify([status, failure, empty, saving.length > 0]);
    if (emptyOf !== this.#emptyOf && !current) fill(this.#stage, this.#placeholder());
    this.#emptyOf = emptyOf;
    this.#keep();
  }
}
