import type { EngineHost } from '../../server/jobs/engineHost.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import type { ScoreParams } from '../../server/protocol/engine.ts';
import type { CompletionRow } from '../../server/protocol/types.ts';

/** A real engine with the least that makes a host of it, and a record of what it was asked to score. */
export interface RecordingHost extends EngineHost {
  /** The rows of each 'score' call. */
  readonly scored: (readonly CompletionRow[])[];
  /** Overrides whether a base is taken to be loaded. */
  pretend: { holds?: boolean; busy?: boolean };
  kill(): void;
  close(): Promise<void>;
}

export function recordingHost(): RecordingHost {
  const engine = new EngineProcess();
  const scored: (readonly CompletionRow[])[] = [];
  let held: string | undefined;
  let background = 0;
  const host: RecordingHost = {
    scored,
    pretend: {},
    async call(method, params, options) {
      const isBackground = options?.priority !== 'interactive';
      background += isBackground ? 1 : 0;
      if (method === 'score') {
        const { source } = params as ScoreParams;
        if ('rows' in source) scored.push(source.rows as readonly CompletionRow[]);
      }
      if (method === 'train') held = (params as { model: string }).model;
      try {
        const result = await engine.call(method, params, options);
        if (method !== 'stop' && method !== 'describe') held = (params as { model: string }).model;
        return result;
      } finally {
        background -= isBackground ? 1 : 0;
      }
    },
    holds: (model) => host.pretend.holds ?? held === model,
    get busy() {
      return host.pretend.busy ?? background > 0;
    },
    kill: () => engine.kill(),
    close: () => engine.close(),
  };
  return host;
}
