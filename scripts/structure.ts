/**
 * The rules of ARCHITECTURE.md that can be read off the sources: who imports whom, and how long a file may be.
 * `npm run lint` and `npm test` hold both.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';

export interface Import {
  /** As written: './ops.ts', 'valibot', 'node:fs'. */
  specifier: string;
  /** From 1. */
  line: number;
  /** `import type` or `export type`: it leaves nothing in the program. */
  typeOnly: boolean;
}

interface Rule {
  /** The files that the rule is about: a folder ('models/') or one file. */
  within: string[];
  /** Exceptions among them. */
  except?: string[];
  /** Why an import breaks the rule, or undefined where it is fine. `target`: a path from the root, or a package's name. */
  refuse(target: string, found: Import): string | undefined;
}

export const longestFile = 350;

const folders = ['client', 'server', 'webviews', 'models', 'scripts', 'test'];
const isIn = (path: string, places: string[]) => places.some((place) => path === place || path.startsWith(place));
const isPackage = (target: string) => !isFile(target) && !isBuiltin(target);
const isFile = (target: string) =>
  target.startsWith('../') || folders.some((folder) => target.startsWith(`${folder}/`));

/** The files that `within` may import; packages and Node's modules are left to other rules. */
function mayImport(within: string, allowed: string[], reason: string): Rule {
  return {
    within: [within],
    refuse: (target) => (isFile(target) && !isIn(target, allowed) ? reason : undefined),
  };
}

/** The packages that only one folder may import; scripts and tests may import anything. */
function onlyIn(folder: string, packages: string[]): Rule {
  return {
    within: ['client/', 'server/', 'webviews/', 'models/'],
    except: [folder],
    refuse: (target) =>
      packages.some((name) => target === name || target.startsWith(`${name}/`))
        ? `only ${folder} imports ${target}`
        : undefined,
  };
}

/** What the stages are configured by; the server holds palate.json against it. */
const stageSettings = 'server/engine/stages/config.ts';
const settingsReaders = ['server/store/'];
const pureEngineFolders = ['server/engine/losses/', 'server/engine/optim/'];

export const rules: Rule[] = [
  mayImport(
    'client/',
    ['client/', 'server/protocol/', 'webviews/protocol/'],
    'client imports only server/protocol and webviews/protocol',
  ),
  mayImport(
    'webviews/',
    ['webviews/', 'server/protocol/types.ts'],
    'webviews import only webviews and the types of server/protocol/types.ts',
  ),
  {
    within: ['webviews/'],
    refuse: (target, { typeOnly }) => {
      if (target.startsWith('server/') && !typeOnly) return 'webviews import only types from the server';
      return target === 'vscode' || isBuiltin(target) ? 'webviews know neither vscode nor node' : undefined;
    },
  },
  mayImport('server/', ['server/', 'models/'], 'server imports only models'),
  {
    within: ['server/', 'models/'],
    refuse: (target) => (target === 'vscode' ? 'no vscode outside client' : undefined),
  },
  {
    within: ['client/', 'server/', 'webviews/', 'models/'],
    except: ['server/engine/', 'server/jobs/', ...settingsReaders],
    refuse: (target) =>
      target.startsWith('server/engine/') ? 'outside server/engine only server/jobs imports the engine' : undefined,
  },
  {
    within: settingsReaders,
    refuse: (target) =>
      target.startsWith('server/engine/') && target !== stageSettings
        ? `of the engine the store imports only ${stageSettings}`
        : undefined,
  },
  {
    within: [stageSettings],
    refuse: (target, { typeOnly }) =>
      isFile(target) && !typeOnly && !isIn(target, ['models/', 'server/config.ts', 'server/protocol/types.ts'])
        ? 'the server process imports the settings of the stages: they import no runtime'
        : undefined,
  },
  {
    within: ['server/protocol/'],
    refuse: (_target, { typeOnly }) => (typeOnly ? undefined : 'server/protocol imports nothing but types'),
  },
  mayImport('models/', ['models/'], 'models import only models'),
  {
    within: ['models/', ...pureEngineFolders],
    refuse: (target, { typeOnly }) =>
      isPackage(target) && !typeOnly ? 'a definition imports no runtime and no package' : undefined,
  },
  onlyIn('server/engine/onnx/', ['onnxruntime-node', 'onnxruntime-common']),
  onlyIn('server/engine/tensorflow/', ['@tensorflow/tfjs', '@tensorflow/tfjs-node', '@tensorflow/tfjs-core']),
  onlyIn('server/images/decode.ts', ['sharp']),
  {
    within: ['client/', 'server/', 'webviews/', 'models/'],
    except: ['server/images/main.ts'],
    refuse: (target) =>
      target === 'server/images/decode.ts' || target === 'server/images/main.ts'
        ? 'pictures are decoded in a process of their own, whose program is server/images/main.ts'
        : undefined,
  },
  {
    within: pureEngineFolders,
    refuse: (target, { typeOnly }) =>
      isFile(target) && !typeOnly && !isIn(target, ['models/', 'server/errors.ts', ...pureEngineFolders])
        ? 'a loss or an optimiser imports only models, losses and optim'
        : undefined,
  },
];

/** Every import and re-export of a module, dynamic ones too, comments left aside. */
export function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const patterns = [
    // import x, { y } from 'z'; export { y } from 'z'; export * from 'z'
    /^[ \t]*(?:import|export)\s+(?<type>type\s+(?!from\b))?[\w$*{},\s]*?\bfrom\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm,
    // import 'z'
    /^[ \t]*import\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm,
    // import('z'), require('z')
    /(?<![\w$.'"`])(?:import|require)\s*\(\s*(?<quote>['"`])(?<specifier>[^'"`\n]+)\k<quote>/g,
  ];
  const found = patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({
      specifier: match.groups?.specifier ?? '',
      line: text.slice(0, match.index + match[0].length).split('\n').length,
      typeOnly: match.groups?.type !== undefined,
    })),
  );
  return found.sort((a, b) => a.line - b.line);
}

/** Comments become blanks of the same length, so that line numbers stay; what only looks like one in a string stays. */
function withoutComments(source: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, ' ') : match));
}

/** `path` from the root with forward slashes. One sentence for each broken rule, with file and line. */
export function structureProblems(path: string, source: string): string[] {
  const problems: string[] = [];
  const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0);
  if (lines > longestFile) {
    problems.push(`${path}: ${lines} lines, at most ${longestFile}; find the part that has a name and move it out`);
  }
  for (const found of importsOf(source)) {
    const target = found.specifier.startsWith('.')
      ? posix.normalize(posix.join(posix.dirname(path), found.specifier))
      : found.specifier;
    for (const rule of rules) {
      if (!isIn(path, rule.within) || isIn(path, rule.except ?? [])) continue;
      const reason = rule.refuse(target, found);
      if (reason) problems.push(`${path}:${found.line}: imports ${found.specifier}, but ${reason}`);
    }
  }
  return problems;
}

/** The problems of every source file of the repository at `root`, and how many files were read. */
export function checkRepository(root: string): { problems: string[]; files: number } {
  const files = folders.flatMap((folder) => sourcesBelow(root, folder));
  return {
    problems: files.flatMap((path) => structureProblems(path, readFileSync(join(root, path), 'utf8'))),
    files: files.length,
  };
}

function sourcesBelow(root: string, folder: string): string[] {
  try {
    return (readdirSync(join(root, folder), { recursive: true }) as string[])
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => /\.(ts|mts|js|mjs|cjs)$/.test(path))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
