import { dialogIsOpen } from '../common/dialog.ts';
import type { CompareAction } from '../protocol/compare.ts';
import type { RadioRow } from './choices.ts';
import { isTextField, type Meant, meaningOfKey } from './keys.ts';
import type { Panel } from './panel.ts';

/** Held down, these go on; everything else happens once a press. */
const goesOn = (meant: Meant) =>
  meant.kind === 'move' || (meant.kind === 'action' && (meant.action === 'zoomIn' || meant.action === 'zoomOut'));

const pictureActions: readonly CompareAction[] = ['zoom', 'zoomIn', 'zoomOut', 'fit'];

/**
 * Keys of the page. They are taken before the editor sees them, and only those that did something here: everything
 * else goes on to the editor as if the page were not there.
 *
 * @returns when the panel itself last did an undo or a redo, for telling a keybinding's echo from a command
 */
export function listenToKeys(panel: Panel): { readonly turnedAt: number } {
  const heard = { turnedAt: Number.NEGATIVE_INFINITY };
  /** The key of `flip` that is down. */
  let flipping: string | undefined;

  const release = () => {
    if (flipping === undefined) return;
    flipping = undefined;
    panel.view?.hold(false);
  };
  window.addEventListener(
    'keydown',
    (event) => {
      const target = event.composedPath()[0];
      if (dialogIsOpen()) return;
      if (isTextField(target)) {
        if (inField(panel, event)) take(event);
        return;
      }
      const meant = meaningOfKey(event, panel.session.keys);
      if (!meant) return;
      if (event.repeat && !goesOn(meant)) {
        // A held Enter would press the button that has the focus again and again, pair after pair.
        if (meant.kind !== 'leave') take(event);
        return;
      }
      if (!perform(panel, meant, target)) return;
      if (meant.kind === 'undo' || meant.kind === 'redo') heard.turnedAt = performance.now();
      if (meant.kind === 'action' && meant.action === 'flip') flipping = event.code;
      take(event);
    },
    { capture: true },
  );
  window.addEventListener(
    'keyup',
    (event) => {
      if (event.code === flipping) release();
    },
    { capture: true },
  );
  window.addEventListener('blur', release);
  document.addEventListener('visibilitychange', release);
  return heard;
}

function take(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

/** In a field every plain key is its own. */
function inField(panel: Panel, event: KeyboardEvent): boolean {
  if (event.isComposing) return false;
  const saves = event.key === 'Enter' && (event.ctrlKey || event.metaKey);
  if (event.key !== 'Escape' && !saves) return false;
  panel.deck?.leaveComment();
  panel.focus();
  if (saves && !event.repeat) panel.submitPicked();
  return true;
}

/** True: it did something here. */
function perform(panel: Panel, meant: Meant, target: EventTarget | undefined): boolean {
  switch (meant.kind) {
    case 'undo':
      panel.undo();
      return true;
    case 'redo':
      panel.redo();
      return true;
    case 'aspect':
      if (!panel.deck || meant.index >= panel.session.settings.aspects.length) return false;
      panel.deck.aspects.activate(meant.index);
      return true;
    case 'step':
      return step(panel, meant.step);
    case 'submit':
      return submit(panel, target);
    case 'leave':
      if (panel.deck?.aspects.active === undefined) return false;
      panel.deck.aspects.activate(undefined);
      panel.focus();
      return true;
    case 'move':
      return move(panel, meant, target);
    case 'action':
      return act(panel, meant.action);
  }
}

function step(panel: Panel, which: number): boolean {
  if (!panel.deck) return false;
  if (panel.deck.aspects.rate(which)) return true;
  if (which > panel.session.settings.scale) return false;
  panel.pick(which);
  return true;
}

function submit(panel: Panel, target: EventTarget | undefined): boolean {
  if (!panel.deck) return false;
  const on = target instanceof Element ? target : undefined;
  // Enter presses a button; only on the choice that is already picked it submits.
  const onPicked = on?.matches('[role=radio][aria-checked=true]') && panel.deck.choices.root.contains(on);
  if (!onPicked && on?.closest('button, summary, a')) return false;
  if (panel.session.settings.aspects.length === 0 && !panel.hasPick) return false;
  panel.submit();
  return true;
}

function move(panel: Panel, { x, y }: Meant & { kind: 'move' }, target: EventTarget | undefined): boolean {
  if (!panel.deck || !panel.view) return false;
  const on = target instanceof Element ? target : undefined;
  // A slider's arrows are its own, and a pane that has the focus scrolls by itself.
  if (on?.matches('input, summary') || (y !== 0 && on?.closest('.pane, .prompt'))) return false;
  const { choices, aspects } = panel.deck;
  const row: RadioRow | undefined = choices.root.contains(on ?? null) ? choices.row : aspects.focused();
  if (row) {
    row.move(x + y > 0 ? 1 : -1);
    return true;
  }
  if (panel.view.move(x, y)) return true;
  if (x === 0) return false;
  choices.row.move(x);
  return true;
}

function act(panel: Panel, action: CompareAction): boolean {
  if (panel.act(action)) return true;
  if (!panel.deck || !panel.view) return false;
  switch (action) {
    case 'a':
    case 'b':
      panel.pickPlain(action);
      return true;
    case 'tie':
      if (!panel.deck.aspects.rate(0)) panel.pick('tie');
      return true;
    case 'bothGood':
    case 'bothBad':
      panel.pick(action);
      return true;
    case 'skip':
      panel.skip();
      return true;
    case 'comment':
      panel.comment();
      return true;
    case 'flip':
      panel.view.hold(true);
      return true;
    default: {
      const done = panel.view.act(action);
      // From here on the arrows move the picture, not the choices' focus.
      if (done && pictureActions.includes(action) && panel.deck.root.contains(document.activeElement)) panel.focus();
      return done;
    }
  }
}
