import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DisagreementData } from './types.ts';

const version = 1;

/**
 * The rows of which a person said that the disagreement is none: .palate/ignored.jsonl of the project, a line
 * {"v":1,"chosen":key,"rejected":key}. By content: an edited row is another row.
 */
export class IgnoredRows {
  readonly #folders = new Map<string, Promise<Set<string>>>();

  async has(folder: string, row: DisagreementData): Promise<boolean> {
    return (await this.of(folder)).has(nameOf(row));
  }

  of(folder: string): Promise<Set<string>> {
    const known = this.#folders.get(folder) ?? read(pathIn(folder));
    this.#folders.set(folder, known);
    return known;
  }

  /** On the disk when it resolves. */
  async add(folder: string, { chosen, rejected }: DisagreementData): Promise<void> {
    (await this.of(folder)).add(nameOf({ chosen, rejected }));
    const path = pathIn(folder);
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, `${JSON.stringify({ v: version, chosen, rejected })}\n`);
  }
}

export const nameOf = ({ chosen, rejected }: DisagreementData) => `${chosen} ${rejected}`;

const pathIn = (folder: string) => join(folder, '.palate', 'ignored.jsonl');

async function read(path: string): Promise<Set<string>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const names = text.split('\n').flatMap((line) => {
    try {
      const { v, chosen, rejected } = JSON.parse(line) as Partial<DisagreementData> & { v?: unknown };
      return v === version && typeof chosen === 'string' && typeof rejected === 'string' ? [{ chosen, rejected }] : [];
    } catch {
      return [];
    }
  });
  return new Set(names.map(nameOf));
}
