import '@vscode-elements/elements/dist/vscode-progress-ring/index.js';
import { element } from './elements.ts';

/** A ring that turns, and what is being waited for. A screen reader is told by the words, once. */
export function loading(sentence: string): HTMLElement {
  const ring = document.createElement('vscode-progress-ring');
  // Of its own it would interrupt whatever is being read out.
  ring.ariaLive = 'off';
  ring.role = 'presentation';
  return element('div', { class: 'loading', attributes: { 'aria-busy': true } }, ring, element('p', {}, sentence));
}
