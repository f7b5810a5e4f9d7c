/** What the set-up of TensorFlow says, without vscode. */
import type {
  TensorflowProgress,
  TensorflowSetup,
  TensorflowStage,
  TensorflowState,
} from '../../server/protocol/setup.ts';
import { t } from '../translate.ts';
import { bytes } from './amounts.ts';
import type { Row } from './trainChoices.ts';

/** Where the libtensorflow comes from; 'none': a row that only tells. */
export type SetupSource = 'given' | 'download' | 'file' | 'folder' | 'none';

/** What is installed, then where another one can come from. */
export function setupRows(state: TensorflowState): Row<SetupSource>[] {
  const { given, published } = state;
  return [
    installedRow(state),
    ...(given === undefined
      ? []
      : [{ value: 'given' as const, label: `$(star) ${t('What PALATE_LIBTENSORFLOW names')}`, detail: given }]),
    ...(published === undefined
      ? []
      : [
          {
            value: 'download' as const,
            label: `$(cloud-download) ${t("Download what tfjs-node's authors publish")}`,
            description: t('libtensorflow {0}', published),
            detail: t('Goes on where it was cut off.'),
          },
        ]),
    {
      value: 'file',
      label: `$(file-zip) ${t('A wheel or an archive on this machine…')}`,
      detail: t('A wheel of tensorflow or tensorflow-cpu, or the C distribution. Nothing of Python is needed.'),
    },
    {
      value: 'folder',
      label: `$(folder) ${t('A folder on this machine…')}`,
      detail: t(
        "The Python package tensorflow, with CUDA's libraries where they lie beside it, or the C distribution.",
      ),
    },
  ];
}

function installedRow({ installed, device, problem, remark }: TensorflowState): Row<SetupSource> {
  if (!installed) {
    return {
      value: 'none',
      label: `$(circle-slash) ${t('Nothing is installed yet')}`,
      detail: t('The engine ONNX Runtime needs none of it.'),
    };
  }
  const { libtensorflow, folder } = installed;
  if (problem !== undefined) {
    return {
      value: 'none',
      label: `$(warning) ${t('TensorFlow {0} is installed, but does not work', libtensorflow)}`,
      detail: problem,
    };
  }
  return {
    value: 'none',
    label: `$(check) ${t('TensorFlow {0} is installed and works', libtensorflow)}`,
    description: [deviceText(device), bytes(installed.bytes)].join(' · '),
    detail: remark ? `${remark} · ${folder}` : folder,
  };
}

function deviceText(device: TensorflowState['device']): string {
  return device === 'gpu' ? t('on the GPU') : t('on the CPU');
}

/** Share of the whole time, from a run on two cores with a wheel from the disk. */
const weights: Readonly<Record<TensorflowStage, number>> = {
  present: 2,
  download: 30,
  unpack: 12,
  binding: 1,
  compile: 14,
  check: 2,
};

/** "Unpacking libtensorflow: 212 MB of 853 MB", and how far all of it is, 0 to 1. */
export function setupProgress(
  { stage, done, total }: Pick<TensorflowProgress, 'stage' | 'done' | 'total'>,
  source: SetupSource,
): { readonly message: string; readonly share: number } {
  const needed = (Object.keys(weights) as TensorflowStage[]).filter(
    (name) => source === 'download' || (name !== 'download' && name !== 'binding'),
  );
  const sum = (names: readonly TensorflowStage[]) => names.reduce((all, name) => all + weights[name], 0);
  const before = sum(needed.slice(0, Math.max(0, needed.indexOf(stage))));
  const share = (before + weights[stage] * (total > 0 ? Math.min(1, done / total) : 0)) / sum(needed);
  const sizes = total > 0 ? t('{0} of {1}', bytes(done), bytes(total)) : done > 0 ? bytes(done) : '';
  return { message: sizes ? t('{0}: {1}', stageText(stage), sizes) : stageText(stage), share };
}

function stageText(stage: TensorflowStage): string {
  switch (stage) {
    case 'present':
      return t('Checking what is installed');
    case 'download':
      return t('Downloading libtensorflow');
    case 'unpack':
      return t('Unpacking libtensorflow');
    case 'binding':
      return t('Downloading the binding');
    case 'compile':
      return t('Compiling the binding');
    case 'check':
      return t('Checking a gradient');
  }
}

export function setupEnd(setup: TensorflowSetup): string {
  if (setup.status === 'stopped') {
    return t('The set-up was cancelled; nothing was installed. What was downloaded is kept for the next time.');
  }
  const { installed, device, remark } = setup.state;
  const version = installed?.libtensorflow ?? '';
  const text =
    setup.status === 'installed'
      ? t('TensorFlow {0} is installed and computes {1}.', version, deviceText(device))
      : t('TensorFlow {0} was installed already and computes {1}.', version, deviceText(device));
  return remark && device !== 'gpu' ? `${text} ${t('TensorFlow says: {0}', remark)}` : text;
}
