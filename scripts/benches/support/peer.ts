import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { threads } from '../../../server/engine/onnx/sessions.ts';
import { packageRoot } from '../../../server/paths.ts';

/** What the peer does once: the sizes are those of the bench that asks. */
export type PeerWork =
  | { readonly what: 'sft'; readonly batch: number; readonly time: number }
  | {
      readonly what: 'ppo';
      readonly rows: number;
      readonly prompt: number;
      readonly new_tokens: number;
      readonly batch: number;
    };

/** torch, transformers and peft in a Python of their own, which does the same work on as many threads. */
export class Peer {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  /** @param python the interpreter that PALATE_PEER_PYTHON names */
  constructor(python: string) {
    const program = join(packageRoot(), 'scripts', 'benches', 'support', 'peer', 'train.py');
    const env = { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
    this.child = spawn(python, [program], { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** Seconds that it took. */
  async seconds(work: PeerWork, precision: 'float32' | 'bfloat16'): Promise<number> {
    this.child.stdin!.write(`${JSON.stringify({ ...work, precision, threads: threads.count })}\n`);
    const next = await this.lines.next();
    if (next.done) throw new Error('The peer ended without an answer; what it said stands above.');
    return (JSON.parse(next.value) as { seconds: number }).seconds;
  }

  close(): void {
    this.child.stdin!.end();
  }
}
