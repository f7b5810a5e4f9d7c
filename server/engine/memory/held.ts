/** What this process has in memory, for whoever asks (the method `describe`). */
import type { HeldMemory } from '../../protocol/memory.ts';

/** A base in use, as the model tells it. */
export interface HeldBase {
  readonly path: string;
  /** Of its weights, shared by everything below. */
  readonly bytes: number;
  /** TensorFlow's own copy. */
  readonly secondCopy: () => number;
  /** Of the graphs that are open on it. */
  readonly graphs: () => number;
}

const bases = new Set<HeldBase>();
const adapters = new Map<string, number>();

/** Returns what takes it back. */
export function holdBase(base: HeldBase): () => void {
  bases.add(base);
  return () => void bases.delete(base);
}

/** Adapters that stand on the base, by what they are there for: bytes with gradients and moments. Returns what takes them back. */
export function holdAdapters(roles: Readonly<Record<string, number>>): () => void {
  for (const [role, bytes] of Object.entries(roles)) adapters.set(role, bytes);
  return () => {
    for (const role of Object.keys(roles)) adapters.delete(role);
  };
}

/**
 * Views of one base count once. Undefined: none is loaded.
 *
 * @param resident what the process takes: graphs are reckoned for a budget, and hold no more than is left of it
 */
export function heldMemory(resident: number): HeldMemory | undefined {
  const [first] = bases;
  if (first === undefined) return undefined;
  const sum = (of: (base: HeldBase) => number) => [...bases].reduce((total, base) => total + of(base), 0);
  const secondCopy = sum(({ secondCopy }) => secondCopy());
  const known = first.bytes + secondCopy + [...adapters.values()].reduce((total, bytes) => total + bytes, 0);
  return {
    base: { path: first.path, bytes: first.bytes },
    secondCopy,
    adapters: [...adapters].map(([role, bytes]) => ({ role, bytes })),
    graphs: Math.max(
      0,
      Math.min(
        sum(({ graphs }) => graphs()),
        resident - known,
      ),
    ),
  };
}
