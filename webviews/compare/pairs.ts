import type { Comparison } from '../../server/protocol/types.ts';

/** The pair that is shown, those that come next, and those that are done though the host may still list them. */
export interface Pairs {
  readonly current: Comparison | null;
  readonly upcoming: readonly Comparison[];
  /** The next one becomes current. */
  next(): void;
  /** Decided or skipped. True: it was the current one. */
  close(id: string): boolean;
  reopen(id: string): void;
  isClosed(id: string): boolean;
  closedExcept(ids: readonly (string | undefined)[]): ReadonlySet<string>;
  /** The host knows that these are done: when it lists them again, they are open again. */
  forget(ids: ReadonlySet<string>): void;
  /** A new list; `current` stays in front. Without it the first of the list is shown. */
  replace(comparisons: readonly unknown[], current: Comparison | null): void;
  /** False: none of them was new. */
  append(comparisons: readonly unknown[]): boolean;
  /** Back where it was among those that were shown. True: it is the current one now. */
  putBack(comparison: Comparison): boolean;
  /** Becomes the current one, whatever was. */
  putFirst(comparison: Comparison): void;
}

export function createPairs(): Pairs {
  let current: Comparison | null = null;
  let upcoming: Comparison[] = [];
  const closed = new Set<string>();
  /** When a pair was first shown; one that comes back goes before those that were shown after it. */
  const order = new Map<string, number>();
  let shown = 0;

  const orderOf = (pair: Comparison) => order.get(pair.id) ?? Number.POSITIVE_INFINITY;
  const show = (pair: Comparison | null) => {
    current = pair;
    if (pair && !order.has(pair.id)) order.set(pair.id, ++shown);
  };
  const usable = (comparisons: readonly unknown[]) => {
    const taken = new Set([current, ...upcoming].map((pair) => pair?.id));
    return (Array.isArray(comparisons) ? comparisons : []).filter((pair): pair is Comparison => {
      if (!isComparison(pair) || closed.has(pair.id) || taken.has(pair.id)) return false;
      taken.add(pair.id);
      return true;
    });
  };
  const without = (id: string) => {
    upcoming = upcoming.filter((pair) => pair.id !== id);
  };

  return {
    get current() {
      return current;
    },
    get upcoming() {
      return upcoming;
    },
    next: () => show(upcoming.shift() ?? null),
    close(id) {
      closed.add(id);
      without(id);
      return current?.id === id;
    },
    reopen: (id) => void closed.delete(id),
    isClosed: (id) => closed.has(id),
    closedExcept: (ids) => new Set([...closed].filter((id) => !ids.includes(id))),
    forget(ids) {
      for (const id of ids) closed.delete(id);
    },
    replace(comparisons, stays) {
      current = stays;
      upcoming = [];
      upcoming = usable(comparisons);
      show(stays ?? upcoming.shift() ?? null);
    },
    append(comparisons) {
      const added = usable(comparisons);
      upcoming.push(...added);
      if (!current) show(upcoming.shift() ?? null);
      return added.length > 0;
    },
    putBack(comparison) {
      without(comparison.id);
      if (current && orderOf(current) <= orderOf(comparison)) {
        if (current.id === comparison.id) return false;
        const at = upcoming.findIndex((pair) => orderOf(pair) > orderOf(comparison));
        upcoming.splice(at < 0 ? upcoming.length : at, 0, comparison);
        return false;
      }
      if (current) upcoming.unshift(current);
      show(comparison);
      return true;
    },
    putFirst(comparison) {
      without(comparison.id);
      const first = Math.min(...order.values(), 0);
      order.set(comparison.id, first - 1);
      if (current && current.id !== comparison.id) upcoming.unshift(current);
      show(comparison);
    },
  };
}

/** Whatever the host sends, only what can be shown gets on the screen. */
export function isComparison(value: unknown): value is Comparison {
  const { id, prompt, shown } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Comparison>;
  const content: unknown = prompt?.content;
  return (
    typeof id === 'string' &&
    (typeof content === 'string' || (Array.isArray(content) && content.every(isMessage))) &&
    Array.isArray(shown) &&
    shown.length === 2 &&
    shown.every((response) => typeof response?.id === 'string' && isParts(response.parts))
  );
}

const isMessage = (message: unknown) => {
  const { role, content } = (message ?? {}) as Record<string, unknown>;
  return typeof role === 'string' && typeof content === 'string';
};

const isParts = (parts: unknown) =>
  Array.isArray(parts) &&
  parts.every((part) =>
    part?.type === 'text' ? typeof part.text === 'string' : part?.type === 'image' && typeof part.path === 'string',
  );
