import { dialogIsOpen } from '../common/dialog.ts';
import { connectHost } from '../common/host.ts';
import type { CompareHostMethods, ComparePageMethods } from '../protocol/compare.ts';
import { listenToKeys } from './keyboard.ts';
import { isTextField } from './keys.ts';
import { type Preferences, readPreferences } from './pairView.ts';
import { Panel } from './panel.ts';
import type { KeptSession } from './session.ts';
import './style.css';

type Kept = KeptSession & { readonly preferences: Preferences };

/** A key that the page took, and the command that the editor made of the same key, are one undo. */
const echo = 100;

const page = document.getElementById('page')!;
let keeping = false;

const host = connectHost<CompareHostMethods, ComparePageMethods, Kept>({
  refresh() {
    void panel.session.refresh();
    return null;
  },
  command({ name }) {
    const isEcho = performance.now() - heard.turnedAt < echo;
    if (name === 'focus') panel.focus();
    else if (dialogIsOpen()) return null;
    else if (name === 'skip') panel.skip();
    else if (name === 'undo' && !isEcho) panel.undo();
    else if (name === 'redo' && !isEcho) panel.redo();
    return null;
  },
});

/** Once for all that changed in one go. */
function keep(): void {
  if (keeping) return;
  keeping = true;
  queueMicrotask(() => {
    keeping = false;
    host.keep({ ...panel.session.kept(), preferences: { ...panel.preferences } });
  });
}

const panel = new Panel(page, host.call, host.kept, readPreferences(host.kept.preferences), keep);
const heard = listenToKeys(panel);
reportFocus();
// A click beside everything must not leave the focus nowhere.
panel.focus();
void panel.session.start();

/** The host switches our keybindings by it: on while the page has the focus, off while a field has it. */
function reportFocus(): void {
  let told = '';
  const tell = () => {
    const now = { page: document.hasFocus(), field: isTextField(document.activeElement) };
    if (told === JSON.stringify(now)) return;
    told = JSON.stringify(now);
    host.call('focus', now).catch(() => {});
  };
  for (const change of ['focus', 'blur'] as const) window.addEventListener(change, tell);
  for (const change of ['focusin', 'focusout'] as const) {
    document.addEventListener(change, () => queueMicrotask(tell));
  }
  tell();
}
