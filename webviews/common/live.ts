import { element } from './elements.ts';

export interface LiveRegion {
  readonly region: HTMLElement;
  /** Has it read out when the person pauses. The same sentence twice is read twice. */
  say(sentence: string): void;
  /** Has it read out at once. */
  alert(sentence: string): void;
}

/** What a screen reader reads out without the focus moving. Nothing of it is seen. */
export function liveRegion(): LiveRegion {
  const polite = element('div', { attributes: { role: 'status', 'aria-live': 'polite', 'aria-atomic': 'true' } });
  const assertive = element('div', { attributes: { role: 'alert', 'aria-live': 'assertive', 'aria-atomic': 'true' } });
  const region = element('div', { class: 'unseen' }, polite, assertive);
  const put = (into: HTMLElement, sentence: string) =>
    // A region whose text does not change is not read again: an added no-break space is a change that nobody hears.
    into.replaceChildren(into.textContent === sentence ? `${sentence}\u00a0` : sentence);
  return {
    region,
    say: (sentence) => put(polite, sentence),
    alert: (sentence) => put(assertive, sentence),
  };
}
