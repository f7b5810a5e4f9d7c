/** What the engine has in memory, bytes. No imports but types. */

/** A base model in memory and what stands on it. */
export interface HeldMemory {
  /** One copy, which policy, reference, critic and reward model share. */
  readonly base: { readonly path: string; readonly bytes: number };
  /** TensorFlow's own copy of the base; 0: there is none. */
  readonly secondCopy: number;
  /** "policy", "reference", "critic", "reward model": with gradients and moments where it learns. */
  readonly adapters: readonly { readonly role: string; readonly bytes: number }[];
  /** What the open graphs are reckoned to hold. */
  readonly graphs: number;
}

export interface EngineMemory {
  /** Of its process. */
  readonly resident: number;
  /** Absent: no model is loaded. */
  readonly held?: HeldMemory;
}
