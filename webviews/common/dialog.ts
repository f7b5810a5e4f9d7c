import { button, type Child, element } from './elements.ts';

export interface DialogOptions {
  readonly title: string;
  readonly content: readonly Child[];
  /** Beside "Close", before it. */
  readonly actions?: readonly HTMLElement[];
  readonly closeLabel?: string;
  /** Called when it was closed, however that happened. */
  readonly closed?: () => void;
}

let titles = 0;

/**
 * Opens a modal dialog: Escape, its button and a click beside it close it, and the focus goes back to where it was.
 * Returns the dialog; `close()` closes it.
 */
export function openDialog(options: DialogOptions): HTMLDialogElement {
  const id = `dialog-title-${++titles}`;
  const before = document.activeElement;
  const dialog = element(
    'dialog',
    { class: 'dialog', attributes: { 'aria-labelledby': id } },
    element('h2', { set: { id } }, options.title),
    // Long content scrolls by the keyboard only where it takes the focus.
    element('div', { class: 'dialog-content', set: { tabIndex: 0 } }, ...options.content),
    element(
      'div',
      { class: 'dialog-actions' },
      ...(options.actions ?? []),
      button(options.closeLabel ?? 'Close', () => dialog.close(), { key: 'Escape' }),
    ),
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    options.closed?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Keys belong to an open dialog. */
export const dialogIsOpen = () => document.querySelector('dialog[open]') !== null;
