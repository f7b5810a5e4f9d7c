import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../server/errors.ts';
import { packageRoot } from '../server/paths.ts';
import {
  type Bar,
  type Circumstances,
  type Figure,
  makeFigure,
  sectionFor,
  tableForTerminal,
  withSection,
} from './figures.ts';

/** What a file of scripts/proofs or scripts/benches exports as `measurement`. Its name is the file's name. */
export interface Measurement {
  /** A sentence or two: what is measured, on what. */
  description: string;
  /** Reports figures as they come. An error counts as a figure that is not met. */
  run(report: Report): Promise<void>;
}

export interface Report {
  /** `unit`: '' for a share or a ratio. Without a bar the figure is only told. */
  figure(name: string, value: number, unit: string, bar?: Bar): void;
  /** What goes on meanwhile; to stderr. */
  note(text: string): void;
}

/** `npm run prove` fails on a figure below its bar, `npm run bench` never does. */
export interface Frame {
  kind: 'prove' | 'bench';
  measurements: Map<string, Measurement>;
  /** The page that keeps the last figures. */
  page: string;
  circumstances(): Circumstances;
  print(line: string): void;
  note(line: string): void;
}

const intro = `# Figures

Written by \`npm run prove\` and \`npm run bench\`: each replaces its own section and leaves the rest.
A commit with \`+changes\` had files that were not committed.
`;

/** Runs the measurements that `words` name, or all. Returns the exit code: 1 a figure is not met, 2 misuse. */
export async function measure(words: string[], frame: Frame): Promise<number> {
  const json = words.includes('--json');
  const names = words.filter((word) => word !== '--json');
  const unknown = names.filter((name) => !frame.measurements.has(name));
  if (unknown.length > 0) {
    const known = [...frame.measurements.keys()].join(', ') || 'none yet';
    frame.note(`There is no ${frame.kind} named ${unknown.join(', ')}. There are: ${known}.`);
    return 2;
  }
  const chosen = names.length > 0 ? names : [...frame.measurements.keys()];
  if (chosen.length === 0) frame.note(`There is nothing to ${frame.kind} yet.`);
  let met = chosen.length > 0;
  for (const name of chosen) {
    const measurement = frame.measurements.get(name)!;
    frame.note(`${name}: ${measurement.description}`);
    const figures = await figuresOf(name, measurement, frame);
    if (json) for (const figure of figures) frame.print(JSON.stringify(figure));
    else frame.print(`${tableForTerminal(figures)}\n`);
    keep(frame, name, measurement.description, figures);
    met &&= figures.every(({ ok }) => ok);
  }
  return met || frame.kind === 'bench' ? 0 : 1;
}

async function figuresOf(name: string, measurement: Measurement, frame: Frame): Promise<Figure[]> {
  const figures: Figure[] = [];
  const report: Report = {
    figure(what, value, unit, bar) {
      const figure = makeFigure(`${name}/${what}`, value, unit, bar ?? null);
      if (figures.some((other) => other.name === figure.name)) throw new Error(`${figure.name} was reported twice.`);
      figures.push(figure);
    },
    note: (text) => frame.note(`${name}: ${text}`),
  };
  try {
    await measurement.run(report);
    if (figures.length === 0) throw new Error('No figure was reported.');
  } catch (error) {
    frame.note(`${name}: ${error instanceof UserError ? error.message : ((error as Error)?.stack ?? error)}`);
    figures.push(makeFigure(`${name}/completed`, 0, '', { min: 1 }));
  }
  return figures;
}

function keep(frame: Frame, name: string, description: string, figures: Figure[]): void {
  const before = existsSync(frame.page) ? readFileSync(frame.page, 'utf8') : intro;
  const section = sectionFor(`${frame.kind} ${name}`, description, figures, frame.circumstances());
  mkdirSync(dirname(frame.page), { recursive: true });
  writeFileSync(frame.page, withSection(before, `${frame.kind} ${name}`, section));
}

/** The frame over this repository: every built file of out/scripts/proofs or out/scripts/benches. */
export async function repositoryFrame(kind: Frame['kind']): Promise<Frame> {
  const root = packageRoot();
  return {
    kind,
    measurements: await loadMeasurements(join(root, 'out', 'scripts', kind === 'prove' ? 'proofs' : 'benches')),
    page: join(root, 'docs', 'figures.md'),
    circumstances: () => circumstancesOf(root),
    print: (line) => console.log(line),
    note: (line) => console.error(line),
  };
}

async function loadMeasurements(folder: string): Promise<Map<string, Measurement>> {
  const found = new Map<string, Measurement>();
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.js')) : [];
  for (const file of files.sort()) {
    const { measurement } = await import(pathToFileURL(join(folder, file)).href);
    if (!measurement) throw new Error(`${join(folder, file)} does not export \`measurement\`.`);
    found.set(basename(file, '.js'), measurement);
  }
  return found;
}

function circumstancesOf(root: string): Circumstances {
  const git = (...words: string[]) => {
    try {
      return execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined;
    }
  };
  const commit = git('rev-parse', '--short', 'HEAD');
  // The page itself changes with every proof: it is no reason to doubt the next one.
  const changed = git('status', '--porcelain', '--', '.', ':!docs/figures.md');
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit === undefined ? 'unknown' : `${commit}${changed ? '+changes' : ''}`,
    machine: `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${process.platform}-${process.arch}, Node ${process.versions.node}`,
  };
}
