import type { Comparison, Decision, Recorded, Skip } from '../../server/protocol/types.ts';

/** Something that is to be on the disk, in the order in which the person did it. */
export type Operation =
  | { readonly kind: 'decide'; readonly decision: Decision; readonly comparison?: Comparison }
  | { readonly kind: 'skip'; readonly skip: Skip; readonly comparison?: Comparison }
  /** `of`: the operation that it takes back, where that one was still on its way. */
  | { readonly kind: 'undo'; readonly of?: Operation }
  | { readonly kind: 'redo' };

/** What a reloaded page sends again: the payload, without the texts. */
export type KeptOperation =
  | { readonly kind: 'decide'; readonly decision: Decision }
  | { readonly kind: 'skip'; readonly skip: Skip };

export const comparisonOf = (operation: Operation): string | undefined =>
  operation.kind === 'decide'
    ? operation.decision.comparison
    : operation.kind === 'skip'
      ? operation.skip.comparison
      : undefined;

export interface Outbox {
  /** Oldest first; the first one is on its way. */
  readonly waiting: readonly Operation[];
  add(operation: Operation): void;
  /** What a reload must not lose. */
  kept(): KeptOperation[];
}

interface OutboxEvents {
  readonly send: (operation: Operation) => Promise<Recorded | null>;
  readonly accepted: (operation: Operation, recorded: Recorded | null) => void;
  readonly refused: (operation: Operation, sentence: string) => void;
}

/**
 * Sends strictly one after the other, so that the log has the order of the person's keys and an undo takes back what
 * the person saw last. A refused one holds up none of those behind it, but an undo of it is dropped: it would take
 * back something else.
 */
export function createOutbox({ send, accepted, refused }: OutboxEvents): Outbox {
  const waiting: Operation[] = [];
  let sending = false;

  async function drain(): Promise<void> {
    if (sending) return;
    sending = true;
    for (let operation = waiting[0]; operation; operation = waiting[0]) {
      const answer = await send(operation).then(
        (recorded) => ({ recorded }),
        (error: unknown) => ({ sentence: error instanceof Error ? error.message : String(error) }),
      );
      waiting.shift();
      if ('recorded' in answer) {
        accepted(operation, answer.recorded);
        continue;
      }
      const undo = waiting.findIndex((later) => later.kind === 'undo' && later.of === operation);
      if (undo >= 0) waiting.splice(undo, 1);
      refused(operation, answer.sentence);
    }
    sending = false;
  }

  return {
    waiting,
    add(operation) {
      waiting.push(operation);
      void drain();
    },
    kept: () =>
      waiting.flatMap((operation): KeptOperation[] => {
        if (operation.kind === 'decide') return [{ kind: 'decide', decision: operation.decision }];
        return operation.kind === 'skip' ? [{ kind: 'skip', skip: operation.skip }] : [];
      }),
  };
}
