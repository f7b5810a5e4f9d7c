/** Folders of runs for the panel's tests: one that the engine trains, and others written by what writes runs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLineLog } from '../../../server/engine/run/lineLog.ts';
import { newManifest, type RunManifest, type StageRecord, writeManifest } from '../../../server/engine/run/manifest.ts';
import { EngineProcess } from '../../../server/jobs/engineProcess.ts';
import { runFolder } from '../../../server/jobs/runs.ts';
import { packageRoot } from '../../../server/paths.ts';
import type { StageName } from '../../../server/protocol/types.ts';

/** Trains the embedded model for a few steps of every stage. */
export async function trainRun(project: string): Promise<string> {
  const data = join(project, 'preferences.jsonl');
  const pairs = Array.from({ length: 24 }, (_, k) => ({
    prompt: `The ${['film', 'book', 'song', 'game'][k % 4]} `,
    chosen: `was lovely and warm, ${k} stars.`,
    rejected: `was dull and cold, ${k} stars.`,
  }));
  writeFileSync(data, pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  const value = {
    sft: { batchSize: 8, epochs: 2 },
    reward: { batchSize: 8, heldOut: 0.25 },
    ppo: { iterations: 2, rolloutBatch: 4, batchSize: 4 },
  };
  const out = runFolder(project, 'trained');
  const engine = new EngineProcess();
  try {
    await engine.call('train', {
      stage: 'all',
      model: join(packageRoot(), 'models', 'tiny'),
      data,
      out,
      config: { value, source: 'the test' },
      maxNewTokens: 8,
    });
  } finally {
    await engine.close();
  }
  return out;
}

export interface WrittenLine {
  readonly stage: StageName;
  readonly step: number;
  readonly [metric: string]: unknown;
}

export interface WrittenRun {
  readonly folder: string;
  append(line: WrittenLine): void;
  sample(line: WrittenLine): void;
  /** Cuts both files, as a resumed run does, and writes on from there. */
  cut(metrics: number, samples: number): void;
  readonly positions: { readonly metrics: number; readonly samples: number };
  manifest(change: Partial<RunManifest>): void;
}

/** A run whose files the test writes line by line, with the engine's own writers. */
export function writtenRun(project: string, id: string, stages: readonly Partial<StageRecord>[]): WrittenRun {
  const folder = runFolder(project, id);
  mkdirSync(folder, { recursive: true });
  const full = stages.map(
    (stage): StageRecord => ({
      stage: 'ppo',
      status: 'running',
      settings: { seed: 0, threads: 1, data: { path: 'p', bytes: 1, sha256: '' }, config: {} },
      step: 0,
      steps: 0,
      seconds: 0,
      metrics: {},
      logs: { metrics: 0, samples: 0 },
      ...stage,
    }),
  );
  let manifest: RunManifest = {
    ...newManifest({ path: 'tiny', identity: 'tiny' }, '2026-11-24T10:00:00.000Z'),
    stages: full,
  };
  writeManifest(folder, manifest);
  const open = (metrics: number, samples: number) => ({
    metrics: openLineLog(join(folder, 'metrics.jsonl'), metrics),
    samples: openLineLog(join(folder, 'samples.jsonl'), samples),
  });
  let logs = open(0, 0);
  return {
    folder,
    append: (line) => logs.metrics.append(line),
    sample: (line) => logs.samples.append(line),
    cut(metrics, samples) {
      logs.metrics.close();
      logs.samples.close();
      logs = open(metrics, samples);
    },
    get positions() {
      return { metrics: logs.metrics.position, samples: logs.samples.position };
    },
    manifest(change) {
      manifest = { ...manifest, ...change };
      writeManifest(folder, manifest);
    },
  };
}
