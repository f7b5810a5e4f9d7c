import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Choice, Comparison, Decision } from '../../server/protocol/types.ts';
import { openProjectStore } from '../../server/store/openProjectStore.ts';
import type { ProjectStore } from '../../server/store/projectStore.ts';

export interface TestProject {
  readonly folder: string;
  /** Writes a file below it; objects become lines of JSON. */
  write(name: string, content: string | Uint8Array | readonly object[]): string;
  read(name: string): string;
  /** Lines of all files of feedback/, parsed. */
  events(): Record<string, unknown>[];
  open(): Promise<ProjectStore>;
}

/** Projects of a suite's own: folders and open stores go when the suite ends. Call inside `describe`. */
export function projects(): (files?: Readonly<Record<string, string | Uint8Array | readonly object[]>>) => TestProject {
  const folders: string[] = [];
  const stores: ProjectStore[] = [];
  after(async () => {
    for (const store of stores) await store.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return (files = {}) => {
    const folder = mkdtempSync(join(tmpdir(), 'palate-project-'));
    folders.push(folder);
    const project: TestProject = {
      folder,
      write(name, content) {
        const path = join(folder, name);
        mkdirSync(dirname(path), { recursive: true });
        const isText = typeof content === 'string' || content instanceof Uint8Array;
        writeFileSync(path, isText ? content : content.map((row) => `${JSON.stringify(row)}\n`).join(''));
        return path;
      },
      read: (name) => readFileSync(join(folder, name), 'utf8'),
      events: () =>
        readdirSync(join(folder, 'feedback')).flatMap((name) =>
          readFileSync(join(folder, 'feedback', name), 'utf8')
            .split('\n')
            .filter((line) => line.trim() !== '')
            .map((line) => JSON.parse(line)),
        ),
      async open() {
        const store = await openProjectStore(folder);
        stores.push(store);
        return store;
      },
    };
    project.write('palate.json', '{ "version": 1 }');
    for (const [name, content] of Object.entries(files)) project.write(name, content);
    return project;
  };
}

/** Rows of responses/: "p1" answered by "p1 a", "p1 b", …, and so on. */
export function rowsOf(prompts: number, responses = 2): { prompt: string; completion: string; model: string }[] {
  return Array.from({ length: prompts * responses }, (_, k) => {
    const prompt = `p${Math.floor(k / responses) + 1}`;
    const name = 'abcdefghijklmnop'[k % responses];
    return { prompt, completion: `${prompt} ${name}`, model: `model-${name}` };
  });
}

/** A decision about a comparison as it was shown. `choice`: 'A' and 'B' are the sides. */
export function decisionOn(
  { id, shown }: Comparison,
  choice: 'A' | 'B' | Exclude<Choice, string> | 'tie' | 'bothGood' | 'bothBad' = 'A',
  rest: Partial<Decision> = {},
): Decision {
  const [a, b] = [shown[0].id, shown[1].id];
  const side = choice === 'A' ? a : choice === 'B' ? b : undefined;
  return {
    comparison: id,
    shown: [a, b],
    choice: side ?? choice,
    ...(side === undefined ? {} : { strength: 1 }),
    scale: 4,
    aspects: {},
    comment: '',
    ms: 1500,
    ...rest,
  };
}

/** Decides the next pairs, and answers what was recorded of them. */
export async function decideNext(store: ProjectStore, annotator: string, count: number, choice: 'A' | 'B' = 'A') {
  const recorded = [];
  for (let k = 0; k < count; k++) {
    const [comparison] = (await store.next(annotator, 1, [])).comparisons;
    recorded.push(await store.decide(annotator, decisionOn(comparison, choice)));
  }
  return recorded;
}

export const textOfResponse = ({ shown }: Comparison, side: 0 | 1): string => {
  const [part] = shown[side].parts;
  return part.type === 'text' ? part.text : part.path;
};
