import { type CompareAction, type CompareKeys, compareActions, defaultKeys } from '../protocol/compare.ts';

/** What a key press means here. */
export type Meant =
  | { readonly kind: 'action'; readonly action: CompareAction }
  /** A step of the scale, or of an aspect's. */
  | { readonly kind: 'step'; readonly step: number }
  /** Alt+1 … Alt+9. */
  | { readonly kind: 'aspect'; readonly index: number }
  | { readonly kind: 'undo' | 'redo' | 'submit' | 'leave' }
  | { readonly kind: 'move'; readonly x: -1 | 0 | 1; readonly y: -1 | 0 | 1 };

/** The part of a KeyboardEvent that is read. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly isComposing: boolean;
  getModifierState(name: string): boolean;
}

const arrows: Readonly<Record<string, [x: -1 | 0 | 1, y: -1 | 0 | 1]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Undefined: not ours, the editor gets it. */
export function meaningOfKey(press: KeyPress, keys: CompareKeys): Meant | undefined {
  if (press.isComposing || press.key === 'Process' || press.key === 'Dead' || press.key === 'Unidentified') {
    return undefined;
  }
  // AltGr is Ctrl and Alt on some systems; what it types is a plain character.
  const plain = press.getModifierState('AltGraph') || !(press.ctrlKey || press.metaKey || press.altKey);
  if (!plain) return withModifier(press);
  if (press.key === 'Enter') return press.shiftKey ? undefined : { kind: 'submit' };
  if (press.key === 'Escape') return { kind: 'leave' };
  const arrow = arrows[press.key];
  if (arrow) return press.shiftKey ? undefined : { kind: 'move', x: arrow[0], y: arrow[1] };
  return typed(press, keys);
}

function typed(press: KeyPress, keys: CompareKeys): Meant | undefined {
  const found = namedBy(press.key, press.shiftKey, keys);
  if (found || press.shiftKey) return found;
  // A keyboard of another script, or one whose digits need Shift: by the place of the key.
  const place = /^(?:Key([A-Z])|Digit([0-9]))$/.exec(press.code);
  const isOther = press.key.length === 1 && !/[a-z0-9]/i.test(press.key);
  return place && isOther ? namedBy((place[1] ?? place[2]).toLowerCase(), false, keys) : undefined;
}

function namedBy(key: string, shift: boolean, keys: CompareKeys): Meant | undefined {
  if (/^[1-8]$/.test(key)) return { kind: 'step', step: Number(key) };
  // Caps Lock makes capitals without Shift; with Shift a capital is another key.
  const names = shift || key.length !== 1 ? [key] : [key, key.toLowerCase()];
  for (const name of names) {
    const action = compareActions.find((candidate) => keys[candidate] === name);
    if (action) return { kind: 'action', action };
  }
  return undefined;
}

function withModifier({ key, code, ctrlKey, metaKey, altKey, shiftKey }: KeyPress): Meant | undefined {
  if (altKey && !ctrlKey && !metaKey && !shiftKey) {
    // With Alt some systems type another character: the place of the digit counts.
    const digit = /^Digit([1-9])$/.exec(code)?.[1] ?? (/^[1-9]$/.test(key) ? key : undefined);
    return digit ? { kind: 'aspect', index: Number(digit) - 1 } : undefined;
  }
  if (altKey || ctrlKey === metaKey) return undefined;
  const letter = key.toLowerCase();
  if (letter === 'z') return { kind: shiftKey ? 'redo' : 'undo' };
  return letter === 'y' && !shiftKey ? { kind: 'redo' } : undefined;
}

/** The host's keys, with defaults for what it does not name: whatever comes, no key does something else. */
export function readKeys(given: unknown): CompareKeys {
  const named = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const usable = (key: unknown) => typeof key === 'string' && key !== '' && !/^[1-8]$/.test(key);
  return Object.fromEntries(
    compareActions.map((action) => [action, usable(named[action]) ? named[action] : defaultKeys[action]]),
  ) as CompareKeys;
}

/** Typing goes into it, so plain keys are its own. */
export function isTextField(target: EventTarget | null | undefined): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !/^(button|checkbox|radio|range|submit|reset)$/.test(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
