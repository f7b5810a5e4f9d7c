import type { LibraryModel } from '../../server/protocol/types.ts';
import { t } from '../translate.ts';
import { bytes } from './amounts.ts';

/** A row of a quick pick. */
export function libraryRow(model: LibraryModel): {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
} {
  return {
    label: `${model.problem ? '$(warning)' : '$(package)'} ${model.name}`,
    description: [factsOf(model), sourceTitle(model.source)].filter(Boolean).join(' · '),
    detail: model.problem ?? model.path,
  };
}

/** "SmolLM2 is ready: llama, 135 million weights, 92 MB." */
export function readyText(model: LibraryModel): string {
  const facts = factsOf(model);
  return facts ? t('{0} is ready: {1}.', model.name, facts) : t('{0} is ready.', model.name);
}

/** As the hub writes a model: org/name, with a revision or a GGUF file where one is meant. */
export function isHubName(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(@[\w./-]+)?(:[^:\\]+\.gguf)?$/i.test(text);
}

function factsOf({ family, parameters, bytes: size }: LibraryModel): string {
  const millions = parameters === undefined ? 0 : parameters / 1e6;
  return [
    family,
    parameters === undefined ? '' : t('{0} million weights', millions.toFixed(millions < 10 ? 1 : 0)),
    size === undefined ? '' : bytes(size),
  ]
    .filter(Boolean)
    .join(', ');
}

function sourceTitle(source: LibraryModel['source']): string {
  switch (source) {
    case 'embedded':
      return t('comes with Palate');
    case 'added':
      return t('added');
    case 'downloaded':
      return t('downloaded');
    case 'cache':
      return t('in the Hugging Face cache');
  }
}
