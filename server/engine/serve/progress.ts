import type { ProgressEvent } from '../../protocol/types.ts';

const milliseconds = 100;

/** Passes events on. */
export interface ProgressLimit<Event> {
  take(event: Event): Promise<void>;
  /** Sends the progress that was held back last. */
  flush(): Promise<void>;
}

/**
 * Lets at most ten progress events a second through, always the newest; every other event passes at once.
 */
export function limitProgress<Event extends { readonly kind: string }>(
  send: (event: Event) => Promise<void>,
  now: () => number = () => performance.now(),
): ProgressLimit<Event> {
  let held: Event | undefined;
  let sentAt = Number.NEGATIVE_INFINITY;
  const flush = async () => {
    const event = held;
    held = undefined;
    if (event) await send(event);
  };
  return {
    flush,
    async take(event) {
      const isProgress = event.kind === ('progress' satisfies ProgressEvent['kind']);
      if (isProgress) held = event;
      if (held && now() - sentAt >= milliseconds) {
        sentAt = now();
        await flush();
      }
      if (!isProgress) await send(event);
    },
  };
}
