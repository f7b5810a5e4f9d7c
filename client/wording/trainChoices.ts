import type { TrainRequest } from '../../server/protocol/client.ts';
import type {
  DeviceChoice,
  EngineName,
  Precision,
  RunSummary,
  StageName,
  TrainingForecast,
} from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { bytes, counted } from './amounts.ts';
import { stageTitle, whereRunStands } from './stages.ts';

export type TrainStage = StageName | 'all';

/** What the person can still change before training starts. */
export interface TrainChoice {
  readonly stage: TrainStage;
  readonly engine?: EngineName;
  readonly precision?: Precision;
  readonly device?: DeviceChoice;
  /** Absent: a new run. */
  readonly run?: string;
}

export type ReviewAction = 'start' | 'setUpTensorflow' | 'engine' | 'precision' | 'device' | 'run' | 'label' | 'none';

/** A row of a quick pick. */
export interface Row<Value> {
  readonly value: Value;
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
}

export function stageRows(): Row<TrainStage>[] {
  return [
    {
      value: 'all',
      label: stageTitle('all'),
      description: t('recommended'),
      detail: t('SFT, then the reward model, then PPO: one run.'),
    },
    { value: 'sft', label: stageTitle('sft'), detail: t('The model learns the responses that were chosen.') },
    {
      value: 'reward',
      label: stageTitle('reward'),
      detail: t('A model learns which of two responses is preferred; its scores stand beside the text.'),
    },
    {
      value: 'ppo',
      label: stageTitle('ppo'),
      detail: t('The policy learns to earn reward without leaving its reference far behind.'),
    },
  ];
}

/** What a stage goes on from unless the person says otherwise: the newest run that has what it needs and not yet it. */
export function runToContinue(stage: TrainStage, runs: readonly RunSummary[]): RunSummary | undefined {
  return continuableRuns(stage, runs)[0];
}

/** Newest first. */
export function continuableRuns(stage: TrainStage, runs: readonly RunSummary[]): RunSummary[] {
  if (stage !== 'reward' && stage !== 'ppo') return [];
  const needed = stage === 'reward' ? 'sft' : 'reward';
  const isDone = (run: RunSummary, name: StageName) =>
    run.stages.some((one) => one.stage === name && one.status === 'done');
  const isBegun = (run: RunSummary) =>
    run.stages.some((one) => one.stage === stage && (one.status !== 'waiting' || one.step > 0));
  return runs
    .filter((run) => run.runningIn === 'nowhere' && isDone(run, needed) && !isBegun(run))
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

export function trainRequest(project: string, choice: TrainChoice): TrainRequest {
  return { project, ...choice };
}

/** The last look before training: what it will take, what it uses, and start; or why it can't start. */
export function reviewRows(
  choice: TrainChoice,
  forecast: TrainingForecast,
  runs: readonly RunSummary[],
): Row<ReviewAction>[] {
  const rows: Row<ReviewAction>[] = [];
  if (forecast.problems.length === 0) {
    rows.push({
      value: 'start',
      label: `$(rocket) ${t('Start: {0}', stageTitle(choice.stage))}`,
      description: preferencesText(forecast.preferences),
      detail: memoryText(forecast),
    });
  }
  for (const problem of forecast.problems) {
    rows.push({ value: 'none', label: `$(warning) ${t('It cannot start')}`, detail: problem });
  }
  const engine = choice.engine ?? forecast.engine;
  if (engine === 'tensorflow' && forecast.engines.some(({ name, ready }) => name === engine && !ready)) {
    rows.push({ value: 'setUpTensorflow', label: `$(cloud-download) ${t('Set Up TensorFlow Engine')}` });
  }
  if (forecast.problems.length > 0)
    rows.push({ value: 'label', label: `$(split-horizontal) ${t('Label Comparisons')}` });
  if (forecast.imagePreferences > 0) {
    rows.push({ value: 'none', label: `$(info) ${picturesText(forecast.imagePreferences)}` });
  }
  rows.push(
    { value: 'engine', label: `$(server-process) ${t('Engine: {0}', engineTitle(engine))}`, description: t('change…') },
    {
      value: 'precision',
      label: `$(symbol-numeric) ${t('Precision: {0}', precisionTitle(choice.precision ?? forecast.precision))}`,
      description: t('change…'),
    },
    {
      value: 'device',
      label: `$(circuit-board) ${t('Device: {0}', deviceName(choice, forecast))}`,
      description: t('change…'),
    },
  );
  if (continuableRuns(choice.stage, runs).length > 0) {
    const run = runs.find(({ id }) => id === choice.run);
    const label = run ? t('Goes on in the run {0}', run.title) : t('A new run');
    rows.push({ value: 'run', label: `$(history) ${label}`, description: t('change…') });
  }
  return rows;
}

export function runRows(choice: TrainChoice, runs: readonly RunSummary[]): Row<string | undefined>[] {
  return [
    ...continuableRuns(choice.stage, runs).map((run) => ({
      value: run.id,
      label: t('Go on in the run {0}', run.title),
      description: run.createdAt.slice(0, 16).replace('T', ' '),
      detail: whereRunStands(run),
    })),
    { value: undefined, label: t('A new run') },
  ];
}

export function engineRows(forecast: TrainingForecast): Row<EngineName>[] {
  return forecast.engines.map(({ name, ready, message }) => ({
    value: name,
    label: `${ready ? '$(check)' : '$(circle-slash)'} ${engineTitle(name)}`,
    ...(name === forecast.engine && { description: t('default') }),
    detail: message,
  }));
}

export function precisionRows(forecast: TrainingForecast): Row<Precision>[] {
  const details: Readonly<Record<Precision, string>> = {
    float32: t('The frozen base computes exactly as it does when it answers.'),
    'int8-base': t(
      'The linear layers of the frozen base compute in bytes: faster, with a loss about 1 % off. Adapters stay in float32. ONNX Runtime on the CPU only.',
    ),
  };
  return (['float32', 'int8-base'] as const).map((value) => ({
    value,
    label: precisionTitle(value),
    ...(value === forecast.precision && { description: t('default') }),
    detail: details[value],
  }));
}

export function deviceRows(forecast: TrainingForecast): Row<DeviceChoice>[] {
  return [
    { value: 'auto', label: t('Automatic'), description: forecast.device, detail: t('A GPU where there is one.') },
    ...forecast.devices
      .filter(({ name }) => name !== 'cpu')
      .map(({ name, title, ready, message }) => ({
        value: name,
        label: `${ready ? '$(check)' : '$(circle-slash)'} ${title}`,
        detail: message,
      })),
    { value: 'cpu', label: t('CPU'), detail: t('A run that is stopped and gone on with ends with the same bytes.') },
  ];
}

function deviceName({ device = 'auto' }: TrainChoice, forecast: TrainingForecast): string {
  if (device === 'cpu') return t('CPU');
  return forecast.devices.find(({ name }) => name === device)?.title ?? forecast.device;
}

export function precisionTitle(precision: Precision): string {
  return precision === 'float32' ? 'float32' : t('int8 base');
}

export function engineTitle(engine: EngineName): string {
  return engine === 'onnx' ? 'ONNX Runtime' : 'TensorFlow';
}

export function preferencesText(count: number): string {
  return counted(count, t('1 preference'), t('{0} preferences', count));
}

/** Said before training starts, and again by the review: nobody shall think that pictures were trained on. */
export function picturesText(count: number): string {
  return counted(
    count,
    t('1 preference about pictures is kept, but this version trains on text only.'),
    t('{0} preferences about pictures are kept, but this version trains on text only.', count),
  );
}

function memoryText({ memory }: TrainingForecast): string {
  const text = t('needs about {0} of memory; {1} are free', bytes(memory.needed), bytes(memory.available));
  return memory.needed > memory.available ? `$(warning) ${text}` : text;
}
