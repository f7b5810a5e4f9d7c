import type { StageName } from '../protocol/types.ts';
import type { Model } from './model.ts';
import { DeviceMemoryError } from './onnx/webgpu/failures.ts';
import type { TrainConfig } from './stages/config.ts';

type Configs = Pick<TrainConfig, StageName>;

/** Micro-batches are not made smaller than this: the processor is faster then. */
const leastTokens = 128;

/** What a run goes on with when a device's memory does not suffice: smaller micro-batches, in the end the processor. */
export class LessMemory {
  model: Model;
  configs: Configs;
  private readonly onCpu: Model;

  constructor(model: Model, onCpu: Model, configs: Configs) {
    this.model = model;
    this.onCpu = onCpu;
    this.configs = configs;
  }

  /** Takes the next step after an error, and says which; undefined where it was no lack of a device's memory. */
  after(stage: StageName, error: unknown): string | undefined {
    if (!(error instanceof DeviceMemoryError) || this.model === this.onCpu) return undefined;
    const { microBatchTokens } = this.configs[stage];
    const smaller = Math.floor(microBatchTokens / 2);
    if (smaller >= leastTokens) {
      this.configs = { ...this.configs, [stage]: { ...this.configs[stage], microBatchTokens: smaller } };
      return `${error.message} Training goes on there with micro-batches of ${smaller} tokens instead of ${microBatchTokens}.`;
    }
    this.model = this.onCpu;
    return `${error.message} Training goes on on the CPU.`;
  }
}
