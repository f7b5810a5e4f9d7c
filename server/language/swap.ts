import { type Column, type Span, scanObject } from './scan.ts';

/** A piece of a row's text, and what stands there afterwards. */
export interface Replacement {
  readonly span: Span;
  readonly text: string;
}

const counterparts: Readonly<Record<string, string>> = { chosen: 'rejected', rejected: 'chosen' };
const side = /chosen|rejected/g;
const opposite = (name: string) => name.replace(side, (found) => counterparts[found]);

/**
 * Exchanges the chosen and the rejected response of a row, with all that belongs to them (chosen_finished, a model's
 * name), and leaves every other character as it is. Undefined where the row is no whole pair.
 */
export function swapResponses(text: string): Replacement[] | undefined {
  const scanned = scanObject(text, text.charCodeAt(0) === 0xfeff ? 1 : 0);
  if (!scanned?.whole || !scanned.columns.has('chosen') || !scanned.columns.has('rejected')) return undefined;
  const slice = ({ start, end }: Span) => text.slice(start, end);
  const replacements: Replacement[] = [];
  for (const [name, column] of scanned.columns) {
    const other = scanned.columns.get(opposite(name));
    if (opposite(name) === name) continue;
    if (other) replacements.push({ span: column.value, text: slice(other.value) });
    // Absent means finished, so the flag moves to the other side with its response.
    else if (/^(chosen|rejected)_finished$/.test(name)) replacements.push(renamed(column, opposite(name)));
  }
  return replacements.sort((a, b) => a.span.start - b.span.start);
}

function renamed({ key }: Column, name: string): Replacement {
  return { span: key, text: JSON.stringify(name) };
}
