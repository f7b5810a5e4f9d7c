/** Scrolls two panes together: each stands at the same share of its own length. Ends when `signal` is aborted. */
export function linkScrolling(
  panes: readonly [HTMLElement, HTMLElement],
  linked: () => boolean,
  signal: AbortSignal,
): void {
  // What a pane was set to: its event is an echo, and answering it would round both panes to a halt.
  const set = new Map<HTMLElement, number>();
  panes.forEach((pane, side) => {
    const other = panes[1 - side];
    pane.addEventListener(
      'scroll',
      () => {
        const echo = set.get(pane);
        set.delete(pane);
        if (!linked() || (echo !== undefined && Math.abs(echo - pane.scrollTop) < 2)) return;
        const length = pane.scrollHeight - pane.clientHeight;
        const otherLength = other.scrollHeight - other.clientHeight;
        if (length <= 0 || otherLength <= 0) return;
        const before = other.scrollTop;
        other.scrollTop = (pane.scrollTop / length) * otherLength;
        if (other.scrollTop !== before) set.set(other, other.scrollTop);
      },
      { signal, passive: true },
    );
  });
}
