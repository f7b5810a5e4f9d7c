/** Jobs, runs and forecasts as a server tells them, to be varied by the tests. */
import type { Job, RunSummary, TrainingForecast } from '../../../../server/protocol/types.ts';

export function aJob(change: Partial<Job> = {}): Job {
  return {
    id: 'job',
    project: '/project',
    kind: 'train',
    title: 'Train: whole pipeline',
    status: 'running',
    notices: [],
    run: 'one',
    ...change,
  };
}

export function aStage(change: Partial<RunSummary['stages'][number]> = {}): RunSummary['stages'][number] {
  return { stage: 'sft', status: 'waiting', step: 0, steps: 0, seconds: 0, metrics: {}, ...change };
}

export function aRun(change: Partial<RunSummary> = {}): RunSummary {
  return {
    id: 'one',
    folder: '/project/.palate/runs/one',
    title: 'Train: whole pipeline',
    status: 'done',
    createdAt: '2026-11-24T10:00:00.000Z',
    updatedAt: '2026-11-24T10:05:00.000Z',
    engine: 'onnx',
    base: 'embedded',
    runningIn: 'nowhere',
    stages: [aStage({ status: 'done', step: 10, steps: 10 })],
    ...change,
  };
}

export function aForecast(change: Partial<TrainingForecast> = {}): TrainingForecast {
  return {
    preferences: 12,
    imagePreferences: 0,
    memory: { needed: 8e8, available: 1.2e10 },
    problems: [],
    engine: 'onnx',
    precision: 'float32',
    device: 'CPU',
    devices: [{ name: 'cpu', title: 'CPU', ready: true, message: 'works everywhere' }],
    engines: [
      { name: 'onnx', ready: true, message: 'ready' },
      { name: 'tensorflow', ready: false, message: 'not set up' },
    ],
    ...change,
  };
}
