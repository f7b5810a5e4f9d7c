/** A click on a link's address copies it: a text leads nowhere, but the person may. */
export function copyAddresses(within: HTMLElement, say: (sentence: string) => void): void {
  within.addEventListener('click', (event) => {
    const place = event.target instanceof Element ? event.target.closest<HTMLElement>('.address') : null;
    if (!place) return;
    navigator.clipboard.writeText(place.dataset.address ?? '').then(
      () => say('Address copied.'),
      () => say('The address could not be copied: select it instead.'),
    );
  });
}
