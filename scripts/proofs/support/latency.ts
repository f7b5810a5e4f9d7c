import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Job } from '../../../server/protocol/types.ts';
import type { ServerClient } from '../../../test/support/serverClient.ts';

export interface Latency {
  /** Milliseconds from a request to its answer. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly requests: number;
  /** Optimiser steps that PPO took meanwhile. */
  readonly steps: number;
}

export interface LatencyOptions {
  readonly server: ServerClient;
  readonly project: string;
  /** The training job, in PPO. */
  readonly job: Job;
  readonly seconds: number;
  /** What is asked, in turn; default: what views, panels and an open file of 1,000 rows ask. */
  readonly requests?: readonly (() => Promise<unknown>)[];
}

/** The line of the open file under the mouse. */
const pointedAt = 10;

/** How long a server lets its editor wait while PPO runs: one request at a time, twenty a second. */
export async function measureLatency({ server, project, job, seconds, requests }: LatencyOptions): Promise<Latency> {
  const run = job.run ?? '';
  const textDocument = { uri: await openRows(server, project) };
  const lines = { start: { line: 0, character: 0 }, end: { line: 50, character: 0 } };
  const position = { line: pointedAt, character: 45 };
  const asked = requests ?? [
    () => server.connection.sendRequest('textDocument/inlayHint', { textDocument, range: lines }),
    () => server.connection.sendRequest('textDocument/hover', { textDocument, position }),
    () => server.connection.sendRequest('textDocument/codeLens', { textDocument }),
    () => server.call('listRuns', { project }),
    () => server.call('readRun', { project, run }),
    () => server.call('listModels', { project }),
    () => server.call('nextComparisons', { project, annotator: 'latency', count: 3, held: [] }),
    () => server.call('listJobs', {}),
  ];
  const before = policySteps(project, run);
  const times: number[] = [];
  const until = performance.now() + seconds * 1000;
  for (let k = 0; performance.now() < until; k++) {
    const began = performance.now();
    await asked[k % asked.length]();
    times.push(performance.now() - began);
    await delay(50);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  const steps = policySteps(project, run) - before;
  return { p50: at(0.5), p99: at(0.99), most: at(1), requests: times.length, steps };
}

/**
 * Opens a data set of 1,000 pairs, as an editor does. Nothing in it is scored yet but the row that is pointed at: a
 * hover over another one waits for its score, on purpose.
 */
async function openRows(server: ServerClient, project: string): Promise<string> {
  const uri = pathToFileURL(join(project, 'open.jsonl')).href;
  const rows = Array.from({ length: 1000 }, (_, k) =>
    JSON.stringify({
      prompt: `How was visit ${k}?`,
      chosen: ` Visit ${k} was good.`,
      rejected: ` Visit ${k} was bad.`,
    }),
  );
  for (const answer of [` Visit ${pointedAt} was good.`, ` Visit ${pointedAt} was bad.`]) {
    const line = rows[pointedAt];
    const start = line.indexOf(answer);
    await server.call('scoreText', { project, text: answer, within: { line, start, end: start + answer.length } });
  }
  const textDocument = { uri, languageId: 'jsonl', version: 1, text: rows.join('\n') };
  await server.connection.sendNotification('textDocument/didOpen', { textDocument });
  return uri;
}

/** How many optimiser steps PPO takes from the moment a text's score is asked for until it is there: the most of all. */
export async function stepsUntilScore(
  server: ServerClient,
  project: string,
  job: Job,
  times = 10,
): Promise<{ readonly steps: number; readonly milliseconds: number }> {
  const run = job.run ?? '';
  const most = { steps: 0, milliseconds: 0 };
  for (let k = 0; k < times; k++) {
    const before = policySteps(project, run);
    const began = performance.now();
    // Each another text: a score that is known already would come at once.
    await server.call('scoreText', { project, text: `How was it? It was visit number ${k + 1}.` });
    most.milliseconds = Math.max(most.milliseconds, performance.now() - began);
    most.steps = Math.max(most.steps, policySteps(project, run) - before);
  }
  return most;
}

/** Optimiser steps of PPO that the run's log holds: `loss/policy_avg` or not, each has a line of its own with a rate. */
export function policySteps(project: string, run: string): number {
  const text = readFileSync(join(project, '.palate', 'runs', run, 'metrics.jsonl'), 'utf8');
  const steps = text.split('\n').flatMap((line) => {
    if (!line.includes('"stage":"ppo"') || !line.endsWith('}')) return [];
    return [(JSON.parse(line) as { step: number }).step];
  });
  return Math.max(0, ...steps);
}
