import type { CompareQueue, Comparison, Decision, LabelProgress, Recorded, Skip } from '../../server/protocol/types.ts';

/** What the comparison panel asks of its host. */
export type CompareHostMethods = {
  /**
   * When the page has loaded, and again after each `refresh`; `current`: what it showed before it was hidden or
   * reloaded, or shows now.
   */
  ready: { params: { readonly current?: string }; result: CompareStart };
  /** More pairs than `held`, to have the next one ready before it is asked for. */
  more: { params: { readonly count: number; readonly held: readonly string[] }; result: CompareQueue };
  /** Resolves once it is on the disk. Rejected: it is not, and the pair has to come back. */
  decide: { params: Decision; result: Recorded };
  skip: { params: Skip; result: Recorded };
  undo: { params: null; result: Recorded | null };
  redo: { params: null; result: Recorded | null };
  /** A picture of a shown response, decoded and safe; `url` may be loaded by the page. */
  image: {
    params: { readonly path: string };
    result: { readonly url: string; readonly width: number; readonly height: number };
  };
  /** Whether the page has the focus, and whether a field has it: the host keeps our keybindings' context by it. */
  focus: { params: { readonly page: boolean; readonly field: boolean }; result: null };
  /** Next steps that an empty panel offers. */
  open: { params: { readonly what: 'generate' | 'prompts' | 'train' | 'guidelines' | 'export' }; result: null };
};

/** What the host tells the panel. */
export type ComparePageMethods = {
  /** Labels changed elsewhere (git, another window), or settings did: the page asks for `ready` again. */
  refresh: { params: { readonly progress: LabelProgress }; result: null };
  /** A keybinding or a command of the editor. */
  command: { params: { readonly name: 'undo' | 'redo' | 'skip' | 'focus' }; result: null };
};

export interface CompareStart {
  readonly queue: CompareQueue;
  /** The pair of `current`, if it is still there and undecided. */
  readonly current: Comparison | null;
  readonly annotator: string;
  readonly keys: CompareKeys;
}

/** The setting `palate.keys`, defaults filled in: action → `KeyboardEvent.key`. */
export type CompareKeys = Readonly<Record<CompareAction, string>>;

export const compareActions = [
  'a',
  'b',
  'tie',
  'bothGood',
  'bothBad',
  'skip',
  'comment',
  'flip',
  'zoom',
  'zoomIn',
  'zoomOut',
  'fit',
  'difference',
  'raw',
  'link',
  'swipe',
  'nextPicture',
  'guidelines',
  'help',
] as const;
export type CompareAction = (typeof compareActions)[number];

/** Digits 1 … 8 are the scale and can't be remapped. */
export const defaultKeys: CompareKeys = {
  a: 'a',
  b: 'b',
  tie: 't',
  bothGood: 'g',
  bothBad: 'x',
  skip: 's',
  comment: 'c',
  flip: 'f',
  zoom: 'z',
  zoomIn: '+',
  zoomOut: '-',
  fit: '0',
  difference: 'd',
  raw: 'r',
  link: 'l',
  swipe: 'w',
  nextPicture: 'n',
  guidelines: 'h',
  help: '?',
};
