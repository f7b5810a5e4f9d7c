import type { Choice } from '../../server/protocol/types.ts';

/** What a person picks: a step of the scale, 1 (A by the most) … scale (B by the most), or a tie. */
export type Pick = number | 'tie' | 'bothGood' | 'bothBad';

export const ties = ['tie', 'bothGood', 'bothBad'] as const;

/** The step that the keys A and B mean: strength ⌈k/2⌉ of k = scale / 2. */
export function plainStep(side: 'a' | 'b', scale: number): number {
  const k = scale / 2;
  const strength = Math.ceil(k / 2);
  return side === 'a' ? k - strength + 1 : k + strength;
}

export interface Meaning {
  readonly side: 'a' | 'b';
  /** 1 (weakest) … scale / 2 */
  readonly strength: number;
}

export function meaningOf(step: number, scale: number): Meaning {
  const k = scale / 2;
  return step <= k ? { side: 'a', strength: k - step + 1 } : { side: 'b', strength: step - k };
}

/** How a pick is recorded: by the preferred response's id, never by the side it stood on. */
export function recordedChoice(
  pick: Pick,
  shown: readonly [string, string],
  scale: number,
): { readonly choice: Choice; readonly strength?: number } {
  if (typeof pick !== 'number') return { choice: pick };
  const { side, strength } = meaningOf(pick, scale);
  return { choice: shown[side === 'a' ? 0 : 1], strength };
}

/** The pick that a record stands for, as its responses are shown now. Undefined: it can't be told. */
export function pickOf(
  { choice, strength = 1, scale }: Recorded,
  shown: readonly [string, string],
  scaleNow: number,
): Pick | undefined {
  if (choice === 'tie' || choice === 'bothGood' || choice === 'bothBad') return choice;
  const side = shown.indexOf(choice);
  if (side < 0 || scale !== scaleNow || !(strength >= 1 && strength <= scale / 2)) return undefined;
  return side === 0 ? scale / 2 - strength + 1 : scale / 2 + strength;
}

type Recorded = { readonly choice: Choice; readonly strength?: number; readonly scale: number };

const words: Readonly<Record<number, readonly string[]>> = {
  1: ['better'],
  2: ['better', 'much better'],
  3: ['slightly better', 'better', 'much better'],
  4: ['slightly better', 'better', 'clearly better', 'much better'],
};

/** "A much better"; the plain step of each scale is "A better". */
export function stepName(step: number, scale: number): string {
  const { side, strength } = meaningOf(step, scale);
  return `${side.toUpperCase()} ${words[scale / 2]?.[strength - 1] ?? `better, ${strength} of ${scale / 2}`}`;
}

export const tieNames = { tie: 'Tie', bothGood: 'Both good', bothBad: 'Both bad' } as const;

export const pickName = (pick: Pick, scale: number) =>
  typeof pick === 'number' ? stepName(pick, scale) : tieNames[pick];
