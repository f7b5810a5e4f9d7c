/** Lets at most one message in so many milliseconds through for each key: the first at once, then always the newest. */
export interface Throttle<Value> {
  take(key: string, value: Value): void;
  close(): void;
}

interface Slot<Value> {
  timer: NodeJS.Timeout;
  held?: { readonly value: Value };
}

export function createThrottle<Value>(milliseconds: number, send: (value: Value) => void): Throttle<Value> {
  const slots = new Map<string, Slot<Value>>();
  const release = (key: string) => {
    const slot = slots.get(key);
    if (!slot?.held) return slots.delete(key);
    const { value } = slot.held;
    slots.set(key, { timer: wait(key) });
    return send(value);
  };
  const wait = (key: string) => {
    const timer = setTimeout(release, milliseconds, key);
    timer.unref();
    return timer;
  };
  return {
    take(key, value) {
      const slot = slots.get(key);
      if (slot) {
        slot.held = { value };
        return;
      }
      slots.set(key, { timer: wait(key) });
      send(value);
    },
    close() {
      for (const { timer } of slots.values()) clearTimeout(timer);
      slots.clear();
    },
  };
}
