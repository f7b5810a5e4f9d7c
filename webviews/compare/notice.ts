import { button, element, fill } from '../common/elements.ts';
import type { LiveRegion } from '../common/live.ts';

export interface Notice {
  readonly root: HTMLElement;
  /** Shows a sentence above the choices until it is dismissed or another pair comes. */
  show(sentence: string, kind: 'warning' | 'error', ...actions: readonly HTMLElement[]): void;
  /** The same, and has it read out at once. */
  alert(sentence: string, kind?: 'warning' | 'error'): void;
  hide(): void;
}

/** What the person has to know now: a decision that was not saved, a choice that can't be made yet. */
export function notice(live: LiveRegion, dismissed: () => void): Notice {
  const root = element('div', { class: 'notice' });
  const hide = () => {
    root.hidden = true;
  };
  const show: Notice['show'] = (sentence, kind, ...actions) => {
    root.hidden = false;
    root.dataset.kind = kind;
    const dismiss = () => {
      hide();
      dismissed();
    };
    fill(root, element('p', {}, sentence), ...actions, button('Dismiss', dismiss, { look: 'quiet' }));
  };
  hide();
  return {
    root,
    show,
    alert(sentence, kind = 'warning') {
      show(sentence, kind);
      live.alert(sentence);
    },
    hide,
  };
}
