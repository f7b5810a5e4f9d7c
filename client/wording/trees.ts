/** What the three views show, without vscode: titles, icons and the order of things. */
import type {
  CompareQueue,
  Comparison,
  ProjectInfo,
  ProjectModel,
  Prompt,
  RunSummary,
} from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { counted, oneLine } from './amounts.ts';
import { isResumable, runStatusText, stageTitle } from './stages.ts';

export interface Row {
  /** Stays the same while it is the same thing, so that the view keeps what is folded. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  readonly tooltip?: string;
  /** A codicon. */
  readonly icon: string;
  /** What menus ask for. */
  readonly context: string;
  readonly children?: readonly Row[];
  readonly folded?: boolean;
  /** What a click does. */
  readonly click?: { readonly command: string; readonly arguments: readonly unknown[] };
  readonly target?: RowTarget;
}

/** What a command gets that is started from a row. */
export interface RowTarget {
  readonly project: string;
  readonly run?: string;
  readonly model?: string;
  readonly comparison?: string;
}

export const promptText = ({ content }: Prompt): string =>
  typeof content === 'string' ? content : (content.at(-1)?.content ?? '');

/** Undecided prompts with how many pairs each has, then how much is decided, and by whom. */
export function queueRows(project: ProjectInfo, queue: CompareQueue, annotator: string): Row[] {
  const { decided, skipped, remaining } = queue.progress;
  const byPrompt = new Map<string, Comparison[]>();
  for (const comparison of queue.comparisons) {
    const pairs = byPrompt.get(comparison.prompt.id);
    if (pairs) pairs.push(comparison);
    else byPrompt.set(comparison.prompt.id, [comparison]);
  }
  const undecided = [...byPrompt.values()].map((pairs) => promptRow(project, pairs));
  const hidden = remaining - queue.comparisons.length;
  if (hidden > 0) {
    undecided.push({
      id: `${project.folder}/more`,
      label: counted(hidden, t('1 more comparison'), t('{0} more comparisons', hidden)),
      icon: 'ellipsis',
      context: 'queue.more',
    });
  }
  const annotators = project.counts.annotators
    .filter(({ decisions }) => decisions > 0)
    .map(({ name, decisions }) => ({
      id: `${project.folder}/annotator/${name}`,
      label: name === annotator ? t('{0} (you)', name) : name,
      description: String(decisions),
      icon: 'person',
      context: 'queue.annotator',
    }));
  return [
    ...project.problems.map((problem, index) => ({
      id: `${project.folder}/problem/${index}`,
      label: oneLine(problem),
      tooltip: problem,
      icon: 'warning',
      context: 'problem',
      click: { command: 'palate.doctor', arguments: [] },
    })),
    {
      id: `${project.folder}/undecided`,
      label: t('Undecided'),
      description: String(remaining),
      icon: 'circle-large-outline',
      context: 'queue.undecided',
      children: undecided,
    },
    {
      id: `${project.folder}/decided`,
      label: t('Decided'),
      description: skipped > 0 ? t('{0}, {1} skipped', decided, skipped) : String(decided),
      icon: 'pass',
      context: 'queue.decided',
      children: annotators,
      folded: true,
    },
  ];
}

function promptRow(project: ProjectInfo, pairs: readonly Comparison[]): Row {
  const [{ prompt, modality, id }] = pairs as readonly [Comparison];
  const target = { project: project.folder, comparison: id };
  return {
    id: `${project.folder}/prompt/${prompt.id}`,
    label: oneLine(promptText(prompt), 80) || t('(empty prompt)'),
    ...(pairs.length > 1 && { description: t('{0} pairs', pairs.length) }),
    tooltip: oneLine(promptText(prompt), 400),
    icon: modality === 'image' ? 'file-media' : 'comment',
    context: 'queue.prompt',
    target,
    click: { command: 'palate.label', arguments: [target] },
  };
}

/** Newest first, with their stages. */
export function runRows(project: string, runs: readonly RunSummary[]): Row[] {
  return [...runs]
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .map((run) => ({
      id: `${project}/run/${run.id}`,
      label: run.title,
      description: runStatusText(run),
      tooltip: [run.title, run.id, runStatusText(run), run.failure].filter(Boolean).join('\n'),
      icon: runIcon(run),
      context: runContext(run),
      folded: run.runningIn === 'nowhere',
      target: { project, run: run.id },
      click: { command: 'palate.showTraining', arguments: [{ project, run: run.id }] },
      children: run.stages.map((stage) => ({
        id: `${project}/run/${run.id}/${stage.stage}`,
        label: stageTitle(stage.stage),
        description: stage.steps > 0 ? `${stage.step}/${stage.steps}` : stage.step > 0 ? String(stage.step) : '',
        tooltip: Object.entries(stage.metrics)
          .map(([name, value]) => `${name}: ${value === null ? '–' : Number(value.toPrecision(4))}`)
          .join('\n'),
        icon:
          stage.status === 'done'
            ? 'pass'
            : stage.status === 'running' && run.runningIn !== 'nowhere'
              ? 'sync~spin'
              : 'circle-large-outline',
        context: `stage.${stage.status}`,
        target: { project, run: run.id },
      })),
    }));
}

function runContext(run: RunSummary): string {
  if (run.runningIn === 'here') return 'run.running';
  if (run.runningIn === 'elsewhere') return 'run.elsewhere';
  if (run.status === 'failed') return 'run.failed';
  return isResumable(run) ? 'run.paused' : 'run.done';
}

function runIcon(run: RunSummary): string {
  if (run.runningIn !== 'nowhere') return 'sync~spin';
  if (run.status === 'failed') return 'error';
  return run.status === 'done' ? 'pass' : 'debug-pause';
}

export function modelRows(project: string, models: readonly ProjectModel[]): Row[] {
  return models.map((model) => ({
    id: `${project}/model/${model.id}`,
    label: model.id,
    description: [modelKind(model.kind), model.active ? t('in use') : ''].filter(Boolean).join(' · '),
    tooltip: [model.problem, model.path].filter(Boolean).join('\n'),
    icon: model.problem ? 'warning' : model.active ? 'check' : model.kind === 'base' ? 'package' : 'circle-outline',
    context: model.problem || model.active || !isChoosable(model) ? 'model' : 'model.usable',
    target: { project, model: model.id },
  }));
}

/** The scores' reward model and the policy that generates can be chosen; SFT is a stage on the way. */
export const isChoosable = ({ kind, problem }: ProjectModel): boolean => kind !== 'sft' && problem === undefined;

export function modelKind(kind: ProjectModel['kind']): string {
  switch (kind) {
    case 'base':
      return t('base');
    case 'sft':
      return t('after SFT');
    case 'reward':
      return t('reward model');
    case 'policy':
      return t('policy');
  }
}
