import { compile } from '../../../server/engine/onnx/program.ts';
import type { Session } from '../../../server/engine/runtime.ts';
import { median } from './figures.ts';

const [rows, inner, columns] = [1024, 576, 1536];

/**
 * What this machine multiplies at the moment, in GFLOP/s: the median of single MatMuls [1024, 576] × [576, 1536] with the
 * weight as an input. They are run between the measured steps, so that both see the same neighbours and clock.
 */
export class GemmRate {
  private readonly milliseconds: number[] = [];
  private readonly session: Session;
  private readonly feeds = { a: filled(rows * inner), b: filled(inner * columns) };

  private constructor(session: Session) {
    this.session = session;
  }

  static async open(): Promise<GemmRate> {
    const session = await compile((ops) => ({
      product: ops.matMul(ops.input('a', [rows, inner]), ops.input('b', [inner, columns])),
    }));
    const rate = new GemmRate(session);
    for (let k = 0; k < 3; k++) await session.run(rate.feeds);
    return rate;
  }

  async measure(times: number): Promise<void> {
    for (let k = 0; k < times; k++) {
      const start = performance.now();
      await this.session.run(this.feeds);
      this.milliseconds.push(performance.now() - start);
    }
  }

  get gigaflops(): number {
    return (2 * rows * inner * columns) / median(this.milliseconds) / 1e6;
  }
}

function filled(length: number): Float32Array {
  return Float32Array.from({ length }, (_, k) => Math.sin(k));
}
