import { openDialog } from '../common/dialog.ts';
import { button, element, keyCap } from '../common/elements.ts';
import { longText } from '../common/text/longText.ts';
import type { CompareKeys } from '../protocol/compare.ts';
import { stepName } from './scale.ts';

/** Every key, as it is set now. */
export function showKeys(keys: CompareKeys, scale: number, aspects: number, closed: () => void): void {
  const rows: [string[], string][] = [
    [['1', '…', String(scale)], `${stepName(1, scale)} … ${stepName(scale, scale)}`],
    [[keys.a, keys.b], 'A better, B better'],
    [[keys.tie, keys.bothGood, keys.bothBad], 'Tie, both good, both bad'],
    [[keys.skip], 'Skip, with a reason if you like'],
    [[keys.comment], 'Comment (Esc leaves it, Ctrl+Enter saves it)'],
    ...(aspects > 0
      ? ([
          [
            ['Alt+1', '…', `Alt+${Math.min(9, aspects)}`],
            'Rate an aspect: then a digit, or the tie key for "the same"',
          ],
          [['Enter'], 'Submit'],
        ] as [string[], string][])
      : []),
    [['Ctrl+Z', 'Ctrl+Y'], 'Undo and redo a decision, also of an earlier day'],
    [[keys.difference], 'Differences on or off'],
    [[keys.flip], 'Hold: flip the pictures in place; for texts, show what differs'],
    [[keys.raw], 'Texts as they are written, or rendered'],
    [[keys.link], 'Scroll both texts together or not'],
    [[keys.swipe], 'One picture over the other, with a slider'],
    [[keys.nextPicture], 'The next picture of both responses, where they have several'],
    [[keys.zoom, keys.fit], 'Pictures pixel by pixel; fit the pane'],
    [[keys.zoomIn, keys.zoomOut], 'Zoom both pictures in, out'],
    [['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'], 'Move the focus, the picture or the text; they never decide'],
    [[keys.guidelines, keys.help], 'Guidelines; this list'],
  ];
  const table = element(
    'table',
    { class: 'key-table' },
    element(
      'tbody',
      {},
      ...rows.map(([names, what]) =>
        element(
          'tr',
          {},
          element(
            'th',
            { attributes: { scope: 'row' } },
            ...names.map((name) => (name === '…' ? '…' : readable(name))),
          ),
          element('td', {}, what),
        ),
      ),
    ),
  );
  openDialog({
    title: 'Keys',
    content: [table, element('p', { class: 'quieter' }, 'The setting palate.keys changes them; digits stay.')],
    closed,
  });
}

/** Unlike on a button, the key is the content here: it is read out. */
function readable(name: string): HTMLElement {
  const cap = keyCap(name);
  cap.removeAttribute('aria-hidden');
  return cap;
}

export function showGuidelines(markdown: string, edit: () => void, closed: () => void): void {
  const text = longText(markdown, 'markdown');
  openDialog({
    title: 'Guidelines',
    content: [markdown.trim() === '' ? element('p', {}, 'This project has no guidelines yet.') : text.root],
    actions: [button(markdown.trim() === '' ? 'Write guidelines' : 'Edit', edit)],
    closed() {
      text.dispose();
      closed();
    },
  });
}

/** Asks why, if the person likes to say. Enter skips. */
export function askReason(skip: (reason: string) => void, closed: () => void): void {
  const field = element('input', {
    class: 'field',
    attributes: { 'aria-label': 'Reason, if you like', autocomplete: 'off' },
    set: { type: 'text', placeholder: 'Reason, if you like', maxLength: 2000, autofocus: true },
  });
  const done = () => {
    dialog.close();
    skip(field.value.trim());
  };
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing || event.repeat) return;
    event.preventDefault();
    done();
  });
  const dialog = openDialog({
    title: 'Skip this comparison',
    content: [field],
    actions: [button('Skip', done, { look: 'primary', key: 'Enter' })],
    closeLabel: 'Cancel',
    closed,
  });
  field.focus();
}
