import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { threads } from '../../../server/engine/onnx/sessions.ts';
import { packageRoot } from '../../../server/paths.ts';
import { lora, shape } from './smollm.ts';

export interface Work {
  readonly rows: number;
  /** Tokens of a prompt, and new ones. */
  readonly prompt: number;
  readonly tokens: number;
}

/** Transformers with a PEFT adapter in a process of its own. */
export interface RolloutPeer {
  /** Seconds of one rollout. */
  time(work: Work): Promise<number>;
  close(): void;
}

/** The peer in the Python that PALATE_PEER_PYTHON names; undefined where there is none. */
export async function openRolloutPeer(): Promise<RolloutPeer | undefined> {
  const python = process.env.PALATE_PEER_PYTHON;
  if (python === undefined || !existsSync(python)) return undefined;
  const program = join(packageRoot(), 'scripts/benches/support/peer/rollout.py');
  const child = spawn(python, ['-W', 'ignore', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (question: object): Promise<Record<string, unknown>> => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('The Python of PALATE_PEER_PYTHON ended; its own words are above.');
    return JSON.parse(value);
  };
  const config = {
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    max_position_embeddings: shape.maxPositions,
    rms_norm_eps: shape.normEpsilon,
    tie_word_embeddings: shape.tiedEmbedding,
  };
  await ask({ config, rank: lora.rank, targets: lora.targetModules, threads: threads.count });
  return {
    time: async (work) => (await ask(work)).seconds as number,
    close: () => child.stdin.end(),
  };
}
