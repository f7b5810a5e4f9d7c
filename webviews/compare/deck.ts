import type { CompareSettings } from '../../server/protocol/types.ts';
import { button, element } from '../common/elements.ts';
import type { CompareKeys } from '../protocol/compare.ts';
import { type Aspects, aspects } from './aspects.ts';
import { type Choices, choices } from './choices.ts';
import type { Draft } from './drafts.ts';
import type { Pick } from './scale.ts';

export interface DeckEvents {
  readonly picked: (pick: Pick) => void;
  readonly rated: (name: string, rating: number) => void;
  readonly commented: (comment: string) => void;
  readonly submit: () => void;
  readonly skip: () => void;
}

/** Where a pair is decided: the scale, the ties, the aspects, the comment. Made anew when keys or settings change. */
export interface Deck {
  readonly root: HTMLElement;
  readonly choices: Choices;
  readonly aspects: Aspects;
  show(draft: Draft): void;
  /** Opens the comment and goes into it. */
  comment(): void;
  /** Leaves the comment, which stays as it is. */
  leaveComment(): void;
}

export function deck(settings: CompareSettings, keys: CompareKeys, events: DeckEvents): Deck {
  const overall = choices(settings.scale, keys, events.picked);
  const byAspect = aspects(settings.aspects, settings.scale, events.rated);
  const field = element('textarea', {
    class: 'field comment',
    attributes: { 'aria-label': 'Comment', rows: 2 },
    set: {
      placeholder: 'Comment (Esc leaves, Ctrl+Enter saves)',
      maxLength: 20_000,
      oninput: () => events.commented(field.value),
    },
  });
  field.hidden = true;
  field.addEventListener('blur', () => {
    field.hidden = field.value === '';
  });
  const comment = () => {
    field.hidden = false;
    field.focus();
  };
  const submit = button('Submit', events.submit, { look: 'primary', key: 'Enter' });
  const actions = element(
    'div',
    { class: 'deck-actions' },
    button('Skip', events.skip, { look: 'quiet', key: keys.skip }),
    button('Comment', comment, { look: 'quiet', key: keys.comment }),
    submit,
  );
  return {
    root: element(
      'section',
      { class: 'deck', attributes: { 'aria-label': 'Your decision' } },
      settings.aspects.length > 0 && byAspect.root,
      element('div', { class: 'deck-row' }, overall.root, actions),
      field,
    ),
    choices: overall,
    aspects: byAspect,
    show(draft) {
      overall.show(draft.pick, draft.before);
      byAspect.show(draft.aspects);
      if (field.value !== draft.comment) field.value = draft.comment;
      field.hidden = draft.comment === '' && document.activeElement !== field;
      submit.hidden = settings.aspects.length === 0 && draft.pick === undefined;
    },
    comment,
    leaveComment: () => field.blur(),
  };
}
