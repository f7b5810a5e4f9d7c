import type { EngineMemory } from '../../server/protocol/memory.ts';
import { t } from '../translate.ts';
import { bytes } from './amounts.ts';
import type { Row } from './trees.ts';

/** One row with what is in memory: the base once, and each adapter that stands on it. None while the engine does not run. */
export function memoryRows(project: string, memory: EngineMemory | null): Row[] {
  if (memory === null) return [];
  const { resident, held } = memory;
  const row = (id: string, label: string, size: number, icon: string, tooltip = ''): Row => ({
    id: `${project}/memory/${id}`,
    label,
    description: bytes(size),
    ...(tooltip && { tooltip }),
    icon,
    context: 'memory.part',
  });
  const parts = held
    ? [
        row('base', t('Base, shared by all'), held.base.bytes, 'package', held.base.path),
        ...(held.secondCopy > 0 ? [row('copy', t("TensorFlow's copy of the base"), held.secondCopy, 'copy')] : []),
        ...held.adapters.map(({ role, bytes: size }) => row(`adapter/${role}`, roleText(role), size, 'layers')),
        ...(held.graphs > 0 ? [row('graphs', t('Open graphs, about'), held.graphs, 'type-hierarchy')] : []),
      ]
    : [];
  return [
    {
      id: `${project}/memory`,
      label: t('In memory'),
      description: held ? bytes(resident) : t('{0}, no model', bytes(resident)),
      tooltip: t("What the engine's process takes. Policy, reference, critic and reward model stand on one base."),
      icon: 'server-process',
      context: 'memory',
      children: parts,
      folded: true,
    },
  ];
}

function roleText(role: string): string {
  switch (role) {
    case 'policy':
      return t('Policy');
    case 'reference':
      return t('Reference');
    case 'critic':
      return t('Critic');
    case 'reward model':
      return t('Reward model');
    default:
      return role;
  }
}
