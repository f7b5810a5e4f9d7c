import * as v from 'valibot';
import type { ClientMethod, ClientParams } from '../protocol/client.ts';
import { deviceChoices, engineNames, precisions } from '../protocol/types.ts';

/** Paths and ids are short; a longer one is a mistake or an attack. */
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const text = v.pipe(v.string(), v.maxLength(10_000_000));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const least1 = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const inProject = { project: name };
const byAnnotator = { ...inProject, annotator: v.pipe(v.string(), v.minLength(1), v.maxLength(200)) };
const shown = v.tuple([name, name]);
const milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0));

const decision = v.strictObject({
  comparison: name,
  shown,
  choice: name,
  strength: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(4))),
  scale: v.picklist([2, 4, 6, 8]),
  aspects: v.record(v.string(), v.pipe(v.number(), v.finite())),
  comment: text,
  ms: milliseconds,
});

const trainRequest = v.strictObject({
  ...inProject,
  stage: v.picklist(['sft', 'reward', 'ppo', 'all']),
  engine: v.optional(v.picklist(engineNames)),
  precision: v.optional(v.picklist(precisions)),
  device: v.optional(v.picklist(deviceChoices)),
  run: v.optional(name),
});

const project = v.strictObject(inProject);
const annotator = v.strictObject(byAnnotator);
const ofRun = v.strictObject({ ...inProject, run: name });

/** What each method takes. The types hold them against the method map. */
export const paramsSchemas: { readonly [Method in ClientMethod]: v.GenericSchema<unknown, ClientParams<Method>> } = {
  listProjects: v.strictObject({ folders: v.array(name) }),
  createProject: v.strictObject({ folder: name, model: v.optional(name) }),
  createExample: v.strictObject({ folder: name }),
  nextComparisons: v.strictObject({
    ...byAnnotator,
    count: v.pipe(count, v.maxValue(1000)),
    held: v.array(name),
  }),
  decide: v.strictObject({ ...byAnnotator, decision }),
  skip: v.strictObject({
    ...byAnnotator,
    skip: v.strictObject({ comparison: name, shown, reason: text, ms: milliseconds }),
  }),
  undo: annotator,
  redo: annotator,
  comparison: v.strictObject({ ...byAnnotator, comparison: name, open: v.optional(v.boolean()) }),
  prepareImage: v.strictObject({ ...inProject, path: name }),
  exportPreferences: v.strictObject({ ...inProject, path: name, annotators: v.optional(v.array(name)) }),
  generate: v.strictObject({
    ...inProject,
    prompts: v.optional(name),
    limit: v.optional(least1),
    samples: v.optional(v.pipe(least1, v.maxValue(16))),
    maxNewTokens: v.optional(least1),
    temperature: v.optional(v.pipe(v.number(), v.finite(), v.gtValue(0))),
    model: v.optional(name),
  }),
  forecastTraining: trainRequest,
  train: trainRequest,
  resumeRun: ofRun,
  stopJob: v.strictObject({ job: name, forget: v.optional(v.boolean()) }),
  listJobs: v.strictObject({}),
  scoreFile: v.strictObject({ ...inProject, file: name }),
  scoreText: v.strictObject({
    ...inProject,
    text,
    within: v.optional(v.strictObject({ line: text, start: count, end: count })),
  }),
  outcome: v.strictObject({
    ...inProject,
    run: v.optional(name),
    prompts: v.optional(v.pipe(least1, v.maxValue(1000))),
    sampling: v.optional(v.picklist(['greedy', 'sampled'])),
  }),
  readOutcome: ofRun,
  listRuns: project,
  readRun: v.strictObject({
    ...inProject,
    run: name,
    fromMetric: v.optional(count),
    fromSample: v.optional(count),
  }),
  forgetRun: ofRun,
  deleteRun: ofRun,
  listModels: project,
  engineMemory: v.strictObject({}),
  chooseModel: v.strictObject({ ...inProject, id: name }),
  listLibrary: v.strictObject({}),
  addModel: v.strictObject({ model: name }),
  doctor: v.strictObject({ project: v.optional(name) }),
  tensorflowState: v.strictObject({ check: v.optional(v.boolean()) }),
  setUpTensorflow: v.strictObject({ from: v.nullable(name) }),
  stopTensorflowSetup: v.strictObject({}),
  cudaState: v.strictObject({}),
  installCuda: v.strictObject({}),
};

export const clientMethods = Object.keys(paramsSchemas) as ClientMethod[];
