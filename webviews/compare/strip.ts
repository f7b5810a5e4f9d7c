import type { RecordedEvent, ShownResponse } from '../../server/protocol/types.ts';
import { button, type Child, element, fill } from '../common/elements.ts';
import { visibleText } from '../common/text/invisible.ts';
import type { Operation } from './outbox.ts';
import { type Pick, pickName, pickOf } from './scale.ts';

export interface StripState {
  /** The newest decision on the disk. */
  readonly last: RecordedEvent | undefined;
  readonly saving: readonly Operation[];
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** The last decision: what it was, about whom, and whether it is on the disk. Undo and redo beside it. */
export function strip(
  undo: () => void,
  redo: () => void,
): { readonly root: HTMLElement; show(state: StripState): void } {
  const words = element('div', { class: 'strip-words' });
  const undoButton = button('Undo', undo, { look: 'quiet', key: 'Ctrl+Z' });
  const redoButton = button('Redo', redo, { look: 'quiet', key: 'Ctrl+Y' });
  return {
    root: element(
      'section',
      { class: 'strip', attributes: { 'aria-label': 'Last decision' } },
      words,
      element('div', { class: 'strip-actions' }, undoButton, redoButton),
    ),
    show({ last, saving, canUndo, canRedo }) {
      const newest = saving.at(-1);
      fill(words, ...(newest ? onTheWay(newest, saving.length) : last ? recorded(last) : ['Nothing decided yet.']));
      words.dataset.state = newest ? 'saving' : last ? 'saved' : 'none';
      undoButton.disabled = !canUndo;
      redoButton.disabled = !canRedo;
    },
  };
}

function onTheWay(operation: Operation, count: number): Child[] {
  const what =
    operation.kind === 'decide'
      ? nameOf({ ...operation.decision, shown: operation.decision.shown })
      : { skip: 'Skipped', undo: 'Taking back', redo: 'Redoing' }[operation.kind];
  const state = operation.kind === 'decide' || operation.kind === 'skip' ? 'saving…' : '…';
  return [element('strong', {}, what), ` ${state}`, count > 1 && ` (${count} waiting)`];
}

function recorded(event: RecordedEvent): Child[] {
  const ids: [string, string] = [event.shown[0].id, event.shown[1].id];
  const what = event.event === 'skip' ? 'Skipped' : nameOf({ ...event, shown: ids });
  const reason = event.event === 'skip' ? event.reason : event.comment;
  return [
    element('strong', {}, what),
    ' · saved',
    ...event.shown.flatMap((response, side) => [' · ', about(response, side === 0 ? 'A' : 'B')]),
    ...(event.gold ? [' · ', element('span', { class: 'strip-gold' }, goldWords[event.gold])] : []),
    ...(reason ? [' · ', element('q', { class: 'strip-comment' }, visibleText(shortened(reason)))] : []),
  ];
}

const goldWords = {
  agrees: 'a gold question: your answer is the known one',
  differs: 'a gold question: the known answer is another one',
} as const;

function about({ model, length }: ShownResponse, letter: string): HTMLElement {
  const size = length > 0 ? `${length.toLocaleString('en-GB')} ${length === 1 ? 'character' : 'characters'}` : '';
  const details = [model === undefined ? '' : visibleText(shortened(model)), size].filter((part) => part !== '');
  return element('span', { class: 'strip-response' }, `${letter}: ${details.join(', ') || 'unknown model'}`);
}

function nameOf({
  choice,
  strength,
  scale = 4,
  shown,
}: {
  readonly choice?: string;
  readonly strength?: number;
  readonly scale?: number;
  readonly shown: readonly [string, string];
}): string {
  const pick: Pick | undefined = choice === undefined ? undefined : pickOf({ choice, strength, scale }, shown, scale);
  return pick === undefined ? 'Decided' : pickName(pick, scale);
}

const shortened = (text: string) => (text.length > 120 ? `${text.slice(0, 119)}…` : text);
