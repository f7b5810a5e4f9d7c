import { element, keyCap } from '../common/elements.ts';
import type { CompareKeys } from '../protocol/compare.ts';
import { type Pick, plainStep, stepName, tieNames, ties } from './scale.ts';

export interface RadioRow {
  readonly root: HTMLElement;
  /** The buttons, in reading order. */
  readonly radios: readonly HTMLButtonElement[];
  /** Which one is on, and which one is only pointed at as what was picked before. */
  show(on: number | undefined, before?: number): void;
  /** To the neighbour; nothing is picked. From outside it goes to the first or, backwards, to the last. */
  move(by: -1 | 1): void;
  focus(): void;
}

interface Radio {
  readonly label: string;
  /** What is read out, where the label is a letter. */
  readonly name?: string;
  readonly keys: readonly string[];
  readonly class?: string;
}

/**
 * A radio group whose arrows move the focus and never pick: a click, Space or Enter does. One of its buttons is in the
 * tab order, the one that had the focus last.
 */
export function radioRow(label: string, options: readonly Radio[], picked: (index: number) => void): RadioRow {
  let tabbed = 0;
  const radios = options.map(({ label: text, name, keys, class: look }, index) => {
    const made = element(
      'button',
      {
        class: `radio${look ? ` ${look}` : ''}`,
        attributes: {
          role: 'radio',
          'aria-checked': false,
          'aria-label': name,
          'aria-keyshortcuts': keys.length > 0 ? keys.join(' ') : undefined,
        },
        set: { type: 'button', tabIndex: index === 0 ? 0 : -1 },
      },
      element('span', { class: 'radio-label' }, text),
      keys.length > 0 && element('span', { class: 'keys' }, ...keys.map(keyCap)),
    );
    // The second click of a double click would decide the next pair.
    made.addEventListener('click', (event) => {
      if (event.detail < 2) picked(index);
    });
    made.addEventListener('focus', () => setTabbed(index));
    return made;
  });
  const setTabbed = (index: number) => {
    radios[tabbed].tabIndex = -1;
    radios[index].tabIndex = 0;
    tabbed = index;
  };
  const root = element('div', { class: 'radios', attributes: { role: 'radiogroup', 'aria-label': label } }, ...radios);
  return {
    root,
    radios,
    show(on, before) {
      radios.forEach((radio, index) => {
        radio.setAttribute('aria-checked', String(index === on));
        radio.classList.toggle('before', index === before);
        if (index === before) radio.setAttribute('aria-description', 'as you had decided');
        else radio.removeAttribute('aria-description');
      });
    },
    move(by) {
      const at = radios.indexOf(document.activeElement as HTMLButtonElement);
      const to = at < 0 ? (by > 0 ? 0 : radios.length - 1) : Math.min(radios.length - 1, Math.max(0, at + by));
      radios[to].focus();
    },
    focus: () => radios[tabbed].focus(),
  };
}

export interface Choices {
  readonly root: HTMLElement;
  readonly row: RadioRow;
  show(pick: Pick | undefined, before: Pick | undefined): void;
}

/** The scale from A to B, and the ties. */
export function choices(scale: number, keys: CompareKeys, picked: (pick: Pick) => void): Choices {
  const steps = Array.from({ length: scale }, (_, index) => index + 1);
  const picks: readonly Pick[] = [...steps, ...ties];
  const plain = { [plainStep('a', scale)]: keys.a, [plainStep('b', scale)]: keys.b };
  const row = radioRow(
    'Which response is better?',
    [
      ...steps.map((step) => ({
        label: stepName(step, scale),
        keys: [String(step), ...(plain[step] ? [plain[step]] : [])],
        class: step <= scale / 2 ? 'for-a' : 'for-b',
      })),
      ...ties.map((tie) => ({ label: tieNames[tie], keys: [keys[tie]], class: 'tie' })),
    ],
    (index) => picked(picks[index]),
  );
  const stepPart = element(
    'div',
    { class: 'steps', attributes: { role: 'presentation' } },
    ...row.radios.slice(0, scale),
  );
  // Buttons of one width, in both parts; a gap where the letters change sides.
  stepPart.style.flex = `${scale} 1 ${6 * scale}rem`;
  stepPart.style.gridTemplateColumns = `repeat(${scale / 2}, minmax(0, 1fr)) 2px repeat(${scale / 2}, minmax(0, 1fr))`;
  row.radios.slice(0, scale).forEach((radio, at) => {
    radio.style.gridArea = `1 / ${at < scale / 2 ? at + 1 : at + 2}`;
  });
  const tiePart = element('div', { class: 'ties', attributes: { role: 'presentation' } }, ...row.radios.slice(scale));
  row.root.append(stepPart, tiePart);
  const indexOf = (pick: Pick | undefined) => {
    const index = pick === undefined ? -1 : picks.indexOf(pick);
    return index < 0 ? undefined : index;
  };
  return { root: row.root, row, show: (pick, before) => row.show(indexOf(pick), indexOf(before)) };
}
