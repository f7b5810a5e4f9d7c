import { UserError } from '../errors.ts';
import type { ClientHandlers } from '../protocol/client.ts';
import type { TensorflowInstalled, TensorflowProgress, TensorflowState } from '../protocol/setup.ts';
import { findNative, type Native } from '../tensorflow/home.ts';
import { publishedFor } from '../tensorflow/published.ts';
import type { SetupResult } from '../tensorflow/setup.ts';
import { setUpApart } from '../tensorflow/setupProcess.ts';

export type TensorflowHandlers = Pick<ClientHandlers, 'tensorflowState' | 'setUpTensorflow' | 'stopTensorflowSetup'>;

export interface TensorflowSetups extends TensorflowHandlers {
  /** Stops what is under way; resolves when it has ended. */
  close(): Promise<void>;
}

export interface TensorflowSetupsOptions {
  /** Throws where nothing may be installed. */
  readonly check: () => void;
  readonly tell: (progress: TensorflowProgress) => void;
}

/** The set-up of TensorFlow for an editor: one at a time, each in a process of its own. */
export function createTensorflowSetups({ check, tell }: TensorflowSetupsOptions): TensorflowSetups {
  let underWay: { readonly controller: AbortController; readonly ended: Promise<unknown> } | undefined;

  async function setUp(from: string | undefined, controller: AbortController) {
    let progress: TensorflowProgress = { stage: 'present', done: 0, total: 0, said: [] };
    const change = (next: Partial<TensorflowProgress>) => {
      progress = { ...progress, ...next };
      tell(progress);
    };
    const work = {
      signal: controller.signal,
      say: (sentence: string) => change({ said: [...progress.said, sentence] }),
      progress: (stage: TensorflowProgress['stage'], done: number, total: number) => change({ stage, done, total }),
    };
    try {
      const result = await setUpApart({ from, ...work });
      return { status: result.status, state: { ...bareState(), ...checkedState(result) } } as const;
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      return { status: 'stopped' } as const;
    }
  }

  return {
    async tensorflowState({ check: isChecked = false }) {
      const state = bareState();
      if (!isChecked || !state.installed) return state;
      check();
      try {
        const { signal } = new AbortController();
        return { ...state, ...checkedState(await setUpApart({ check: true, signal, say() {}, progress() {} })) };
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return { ...state, problem: error.message };
      }
    },
    async setUpTensorflow({ from }) {
      check();
      if (underWay) throw new UserError('TensorFlow is being set up already: wait for its end, or cancel it first.');
      const controller = new AbortController();
      const work = setUp(from ?? undefined, controller);
      const ended = work.catch(() => {});
      underWay = { controller, ended };
      void ended.then(() => {
        underWay = undefined;
      });
      return work;
    },
    stopTensorflowSetup() {
      underWay?.controller.abort();
      return { stopping: underWay !== undefined };
    },
    async close() {
      underWay?.controller.abort();
      await underWay?.ended;
    },
  };
}

/** What is known without starting anything. */
function bareState(): TensorflowState {
  const [native, given, published] = [findNative(), process.env.PALATE_LIBTENSORFLOW, publishedFor()];
  return {
    ...(native && { installed: installedOf(native) }),
    ...(given && { given }),
    ...(published !== undefined && { published }),
  };
}

function checkedState({ native, check: { gpu, remark } }: SetupResult): Partial<TensorflowState> {
  return { installed: installedOf(native), device: gpu ? 'gpu' : 'cpu', ...(remark !== undefined && { remark }) };
}

function installedOf({ folder, libtensorflow, tfjsNode, files }: Native): TensorflowInstalled {
  return { folder, libtensorflow, tfjsNode, bytes: Object.values(files).reduce((sum, size) => sum + size, 0) };
}
