import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../server/paths.ts';

/** The Python with torch, transformers, peft and gguf that PALATE_PEER_PYTHON names. */
export const peerPython = (): string | undefined => process.env.PALATE_PEER_PYTHON || undefined;

/** Why a test without it skips. */
export const noPeer = 'PALATE_PEER_PYTHON names no Python with torch, transformers, peft and gguf';

/** What a script of this folder answers to a request, JSON both ways. Throws with what it printed where it fails. */
export function askPeer<Answer>(python: string, script: string, request: unknown): Answer {
  const path = join(packageRoot(), 'test', 'support', 'peer', script);
  const { status, stdout, stderr, error } = spawnSync(python, ['-B', path], {
    input: JSON.stringify(request),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`${python} ${script}: ${error?.message ?? stderr}`);
  return JSON.parse(stdout) as Answer;
}

export interface AdapterRequest {
  readonly base: string;
  readonly adapter: string;
  readonly task: 'CAUSAL_LM' | 'SEQ_CLS';
  readonly ids: readonly (readonly number[])[];
  readonly last?: boolean;
}

/** PEFT's logits (or scores) for each row of each request. */
export function peftLogits(python: string, requests: readonly AdapterRequest[]): number[][][] {
  return askPeer(python, 'read_adapter.py', requests);
}
