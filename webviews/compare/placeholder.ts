import { button, type Child, element } from '../common/elements.ts';
import { loading } from '../common/loading.ts';
import type { CompareHostMethods } from '../protocol/compare.ts';
import type { Session } from './session.ts';

type What = CompareHostMethods['open']['params']['what'];

/** What stands where a pair would: that it is loading, why it can't, or what to do next. */
export function placeholder(session: Session, open: (what: What) => void, again: () => void): HTMLElement {
  if (session.status === 'failed') {
    return state('Nothing could be loaded', session.failure, button('Try again', again, { look: 'primary' }));
  }
  if (session.status === 'loading' || (session.empty === undefined && session.saving.length > 0)) {
    return element('div', { class: 'placeholder', attributes: { 'aria-busy': true } }, loading('Loading …'));
  }
  const next = (label: string, what: What, look: 'primary' | 'secondary' = 'secondary') =>
    button(label, () => open(what), { look });
  if (session.empty === 'noPrompts') {
    return state(
      'There are no prompts yet',
      'Put prompts into a .jsonl file in the folder prompts: one line a prompt, as {"prompt": "…"}.',
      next('Open the prompts', 'prompts', 'primary'),
    );
  }
  if (session.empty === 'noResponses') {
    return state(
      'There is nothing to compare yet',
      'A prompt needs two different responses. Let the model write some, or bring your own into the folder responses.',
      next('Generate responses', 'generate', 'primary'),
      next('Open the prompts', 'prompts'),
    );
  }
  const { textPreferences, imagePreferences } = session.progress;
  const count = `${textPreferences} ${textPreferences === 1 ? 'preference' : 'preferences'} on texts`;
  const pictures = imagePreferences > 0 ? ` and ${imagePreferences} on pictures` : '';
  return state(
    'Everything is decided',
    `This project has ${count}${pictures}. Train on them, or get more to compare.`,
    next('Train', 'train', 'primary'),
    next('Generate more responses', 'generate'),
    next('Export preferences', 'export'),
  );
}

const state = (title: string, sentence: string, ...actions: readonly Child[]) =>
  element(
    'div',
    { class: 'placeholder' },
    element('h2', {}, title),
    element('p', {}, sentence),
    element('div', { class: 'placeholder-actions' }, ...actions),
  );
