import type { Browser } from 'playwright-core';
import type {
  CompareQueue,
  CompareSettings,
  Comparison,
  Decision,
  LabelProgress,
  Recorded,
  RecordedEvent,
  Response,
  ResponsePart,
  ShownResponse,
  Skip,
} from '../../server/protocol/types.ts';
import {
  type CompareHostMethods,
  type CompareKeys,
  type ComparePageMethods,
  defaultKeys,
} from '../../webviews/protocol/compare.ts';
import type { Handlers } from '../../webviews/protocol/messenger.ts';
import { openPanel, type PanelPage, type Theme } from './panelPage.ts';

interface Entry {
  readonly event: RecordedEvent;
  readonly comparison: Comparison;
}

/** The comparison panel's host with its queue and its log in memory: what the extension and the server are to it. */
export class CompareHost {
  readonly comparisons: Comparison[];
  readonly settings: { -readonly [Name in keyof CompareSettings]: CompareSettings[Name] };
  keys: CompareKeys = { ...defaultKeys };
  /** Decisions that are on the "disk" and stand, oldest first. */
  readonly log: Entry[] = [];
  readonly undone: Entry[] = [];
  /** Every message of the page, in order. */
  readonly heard: { readonly method: string; readonly params: unknown }[] = [];
  /** Decisions as they came, whether or not they were kept. */
  readonly decisions: Decision[] = [];
  readonly skips: Skip[] = [];
  /** Runs before an answer: throws, or keeps the page waiting. */
  before: (method: string, params: unknown) => void | Promise<void> = () => {};
  /** Path → what the page may load. */
  readonly images = new Map<string, { readonly url: string; readonly width: number; readonly height: number }>();
  readonly #listeners: (() => void)[] = [];
  readonly models: readonly [string, string] = ['model-one', 'model-two'];

  constructor(comparisons: readonly Comparison[], settings: Partial<CompareSettings> = {}) {
    this.comparisons = [...comparisons];
    this.settings = { scale: 4, aspects: [], guidelines: '', ...settings };
  }

  readonly handlers: Handlers<CompareHostMethods> = {
    ready: (params) =>
      this.#answer('ready', params, () => ({
        queue: this.queue(6, []),
        current: this.open().find(({ id }) => id === params.current) ?? null,
        annotator: 'ada',
        keys: this.keys,
      })),
    more: (params) => this.#answer('more', params, () => this.queue(params.count, params.held)),
    decide: (params) =>
      this.#answer('decide', params, () => {
        this.decisions.push(params);
        return this.#record(params.comparison, { event: 'decide', ...params });
      }),
    skip: (params) =>
      this.#answer('skip', params, () => {
        this.skips.push(params);
        return this.#record(params.comparison, { event: 'skip', ...params });
      }),
    undo: (params) =>
      this.#answer('undo', params, () => {
        const entry = this.log.pop();
        if (!entry) return null;
        this.undone.push(entry);
        return { ...this.#recorded(entry), reopened: entry.comparison };
      }),
    redo: (params) =>
      this.#answer('redo', params, () => {
        const entry = this.undone.pop();
        if (!entry) return null;
        this.log.push(entry);
        return this.#recorded(entry);
      }),
    image: (params) =>
      this.#answer('image', params, () => {
        const image = this.images.get(params.path);
        if (!image) throw new Error(`${params.path} is not a picture.`);
        return image;
      }),
    focus: (params) => this.#answer('focus', params, () => null),
    open: (params) => this.#answer('open', params, () => null),
  };

  /** Not decided and not skipped, in order. */
  open(): Comparison[] {
    const done = new Set(this.log.map(({ comparison }) => comparison.id));
    return this.comparisons.filter(({ id }) => !done.has(id));
  }

  queue(count: number, held: readonly string[]): CompareQueue {
    const open = this.open();
    return {
      comparisons: open.filter(({ id }) => !held.includes(id)).slice(0, count),
      progress: this.progress(),
      settings: this.settings,
      last: this.log.at(-1)?.event,
      ...(open.length === 0 ? { empty: 'allDecided' } : {}),
    };
  }

  progress(): LabelProgress {
    const decided = this.log.filter(({ event }) => event.event === 'decide').length;
    return {
      decided,
      skipped: this.log.length - decided,
      remaining: this.open().length,
      textPreferences: decided,
      imagePreferences: 0,
      ...(decided >= 3 ? { pace: 6.2 } : {}),
      canUndo: this.log.length > 0,
      canRedo: this.undone.length > 0,
    };
  }

  /** Resolves with the next call of the page. */
  nextMessage(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.heard.filter((message) => message.method === method).length;
  }

  async #answer<Result>(method: string, params: unknown, result: () => Result): Promise<Result> {
    this.heard.push({ method, params });
    for (const listener of this.#listeners.splice(0)) listener();
    await this.before(method, params);
    return result();
  }

  #record(id: string, about: Omit<RecordedEvent, 'id' | 'comparison' | 'shown'>): Recorded {
    const comparison = this.comparisons.find((one) => one?.id === id);
    if (!comparison) throw new Error(`There is no comparison ${id}.`);
    const shown = comparison.shown.map(
      (response, side): ShownResponse => ({ id: response.id, model: this.models[side], length: lengthOf(response) }),
    ) as [ShownResponse, ShownResponse];
    const event = { ...about, id: `event-${this.heard.length}`, comparison: id, shown };
    const entry = { event, comparison };
    this.log.push(entry);
    this.undone.length = 0;
    return this.#recorded(entry);
  }

  #recorded({ event }: Entry): Recorded {
    return { event, progress: this.progress(), last: this.log.at(-1)?.event };
  }
}

const lengthOf = ({ parts }: Response) =>
  parts.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0);

const response = (id: string, part: ResponsePart): Response => ({ id, parts: [part], finished: true });

/** `id`, with the responses `<id>-one` and `<id>-two`. */
export function textComparison(
  id: string,
  prompt: Comparison['prompt']['content'] = `Question ${id}?`,
  [a, b]: readonly [string, string] = [`First answer to ${id}.`, `Second answer to ${id}.`],
): Comparison {
  return {
    id,
    prompt: { id: `prompt-${id}`, content: prompt },
    shown: [response(`${id}-one`, { type: 'text', text: a }), response(`${id}-two`, { type: 'text', text: b })],
    modality: 'text',
  };
}

export function imageComparison(id: string, paths: readonly [string, string]): Comparison {
  const part = (path: string): ResponsePart => ({ type: 'image', path, sha256: '0'.repeat(64) });
  return {
    id,
    prompt: { id: `prompt-${id}`, content: `Draw ${id}.` },
    shown: [response(`${id}-one`, part(paths[0])), response(`${id}-two`, part(paths[1]))],
    modality: 'image',
  };
}

/** p1 … pN */
export const textComparisons = (count: number) =>
  Array.from({ length: count }, (_, index) => textComparison(`p${index + 1}`));

export type ComparePage = PanelPage<ComparePageMethods>;

/** The panel on a host, with its first pair painted or its placeholder there. */
export async function openCompare(
  browser: Browser,
  host: CompareHost,
  options: { readonly theme?: Theme; readonly width?: number; readonly height?: number } = {},
): Promise<ComparePage> {
  const panel = await openPanel<CompareHostMethods, ComparePageMethods>({
    browser,
    name: 'compare',
    handlers: host.handlers,
    ...options,
  });
  await panel.page.waitForSelector('[data-painted], .placeholder:not([aria-busy])', { state: 'attached' });
  return panel;
}

export const pairIsPainted = (panel: ComparePage, id: string) =>
  panel.page.waitForSelector(`main[data-pair="${id}"][data-painted="${id}"]`);

/** Everything that the page has decided so far is on the "disk", and the strip says so. */
export const allIsSaved = (panel: ComparePage) => panel.page.waitForSelector('.strip-words:not([data-state=saving])');

/** Resolves when the host has heard so many calls of a method. */
export async function heardCalls(host: CompareHost, method: string, count: number): Promise<void> {
  while (host.count(method) < count) await host.nextMessage();
}
