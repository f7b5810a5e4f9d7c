import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { palateHome } from '../paths.ts';

/** Models that were added by their path: models/added/NAME.json says where each lies. The model itself stays there. */

const record = v.object({ version: v.literal(1), path: v.string() });

export interface AddedModel {
  readonly name: string;
  readonly path: string;
}

function addedFolder(home: string): string {
  return join(home, 'models', 'added');
}

/** Where the model of that name lies; nothing says that it is still there. Undefined: none was added under the name. */
export function findAdded(name: string, home = palateHome()): AddedModel | undefined {
  if (!isAddedName(name)) return undefined;
  try {
    const parsed = v.safeParse(record, JSON.parse(readFileSync(join(addedFolder(home), `${name}.json`), 'utf8')));
    return parsed.success ? { name, path: parsed.output.path } : undefined;
  } catch {
    return undefined;
  }
}

export function listAdded(home = palateHome()): AddedModel[] {
  let files: string[] = [];
  try {
    files = readdirSync(addedFolder(home)).sort();
  } catch {
    // Nothing was added yet.
  }
  return files.filter((file) => file.endsWith('.json')).flatMap((file) => findAdded(file.slice(0, -5), home) ?? []);
}

/**
 * Remembers a model under a name, made of its file's where none is given. A path that is known keeps its name.
 *
 * @throws UserError where the name is none, or another model's
 */
export function rememberModel(path: string, asked?: string, home = palateHome()): AddedModel {
  const absolute = resolve(path);
  const known = listAdded(home).find((model) => model.path === absolute && (asked ?? model.name) === model.name);
  if (known) return known;
  if (asked !== undefined && !isAddedName(asked)) {
    throw new UserError(
      `${JSON.stringify(asked)} is no name for a model: use letters, digits, dots, hyphens and underscores.`,
    );
  }
  const first = asked ?? nameOf(absolute);
  mkdirSync(addedFolder(home), { recursive: true });
  for (let count = 1; ; count++) {
    const name = count === 1 ? first : `${first}-${count}`;
    try {
      const content = `${JSON.stringify({ version: 1, path: absolute }, null, 2)}\n`;
      writeFileSync(join(addedFolder(home), `${name}.json`), content, { flag: 'wx' });
      return { name, path: absolute };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const other = findAdded(name, home);
      if (asked === undefined) continue;
      throw new UserError(
        `${name} is the name of ${other?.path ?? 'another model'}: \`palate model remove ${name}\` frees it.`,
      );
    }
  }
}

export function forgetModel({ name }: AddedModel, home = palateHome()): void {
  rmSync(join(addedFolder(home), `${name}.json`), { force: true });
}

/** "SmolLM2-135M.Q4_1" of ".../SmolLM2-135M.Q4_1.gguf". */
function nameOf(path: string): string {
  const plain = basename(path)
    .replace(/\.gguf$/i, '')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[^\w]+$/g, '');
  return isAddedName(plain) ? plain : 'model';
}

function isAddedName(name: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,99}$/.test(name) && name !== 'embedded' && !name.endsWith('.');
}
