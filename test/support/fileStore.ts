/**
 * A project's store as small as the server's tests need it: prompts and responses of one file each, decisions as lines
 * with fsync. It stands in where the tests are about jobs and processes, not about labels.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../../server/errors.ts';
import type {
  Comparison,
  Decision,
  LabelProgress,
  PreferenceRow,
  Prompt,
  Recorded,
  Response,
} from '../../server/protocol/types.ts';
import { projectConfig } from '../../server/store/projectConfig.ts';
import type { ProjectStore, PromptEntry } from '../../server/store/projectStore.ts';

const idOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

interface Line {
  readonly id: string;
  readonly annotator: string;
  readonly decision: Decision;
}

export async function openFileStore(folder: string): Promise<ProjectStore> {
  const listeners = new Set<(what: 'feedback' | 'content' | 'config') => void>();
  const tell = (what: 'feedback' | 'content' | 'config') => {
    for (const listener of listeners) listener(what);
  };
  const lines = <Row>(path: string): Row[] =>
    existsSync(join(folder, path))
      ? readFileSync(join(folder, path), 'utf8')
          .split('\n')
          .flatMap((line) => parsed<Row>(line))
      : [];
  const prompts = (): PromptEntry[] => {
    const responses = lines<{ prompt: string; completion: string; finished: boolean; model: string }>(
      'responses/all.jsonl',
    );
    const contents = lines<{ prompt: string }>('prompts/prompts.jsonl').map(({ prompt }) => prompt);
    return contents.map((content) => ({
      prompt: { id: idOf(content), content },
      responses: responses
        .filter(({ prompt }) => prompt === content)
        .map(({ completion, finished, model }) => ({
          id: idOf([content, completion]),
          parts: [{ type: 'text', text: completion }],
          finished,
          model,
        })),
    }));
  };
  const decisions = () => lines<Line>('feedback/all.jsonl');
  const preferences = (): PreferenceRow[] =>
    decisions().flatMap(({ decision }) => {
      const entry = prompts().find(({ responses }) => responses.some(({ id }) => id === decision.choice));
      const other = decision.shown.find((id) => id !== decision.choice);
      const text = (id: string | undefined) => entry?.responses.find((response) => response.id === id);
      const [chosen, rejected] = [text(decision.choice), text(other)];
      if (!entry || !chosen || !rejected) return [];
      return [preference(entry.prompt, chosen, rejected)];
    });
  const progress = (annotator: string): LabelProgress => ({
    decided: decisions().filter((line) => line.annotator === annotator).length,
    skipped: 0,
    remaining: pairs().length - decisions().length,
    textPreferences: preferences().length,
    imagePreferences: 0,
    canUndo: false,
    canRedo: false,
  });
  const pairs = (): Comparison[] =>
    prompts().flatMap(({ prompt, responses }) =>
      responses.length < 2
        ? []
        : [{ id: idOf(responses.map(({ id }) => id)), prompt, shown: [responses[0], responses[1]], modality: 'text' }],
    );
  const config = async () => {
    const path = join(folder, 'palate.json');
    const result = v.safeParse(projectConfig, JSON.parse(readFileSync(path, 'utf8')));
    if (!result.success) throw new UserError(`${path}: ${result.issues[0].message}`);
    return result.output;
  };
  const unused = async (): Promise<never> => {
    throw new UserError('The stand-in store does not do that.');
  };
  return {
    folder,
    config,
    async info() {
      const { model, engine } = await config();
      const entries = prompts();
      const counts = {
        prompts: entries.length,
        textResponses: entries.reduce((sum, { responses }) => sum + responses.length, 0),
        imageResponses: 0,
        annotators: [],
        textPreferences: preferences().length,
        imagePreferences: 0,
      };
      return { folder, name: basename(folder), model, engine, problems: [], newer: false, counts };
    },
    prompts: async () => prompts(),
    async next(annotator, count, held) {
      const known = new Set([...held, ...decisions().map(({ decision }) => decision.comparison)]);
      const comparisons = pairs()
        .filter(({ id }) => !known.has(id))
        .slice(0, count);
      return { comparisons, progress: progress(annotator), settings: { scale: 4, aspects: [], guidelines: '' } };
    },
    comparison: async (_, id) => pairs().find((pair) => pair.id === id) ?? null,
    async decide(annotator, decision) {
      const line: Line = { id: randomUUID(), annotator, decision };
      appendFlushed(join(folder, 'feedback', 'all.jsonl'), line);
      tell('feedback');
      const { comparison, ms } = decision;
      const [a, b] = decision.shown.map((id) => ({ id, length: 0 }));
      const event = { id: line.id, event: 'decide', comparison, ms, shown: [a, b] } as const;
      return { event, progress: progress(annotator) } satisfies Recorded;
    },
    skip: unused,
    undo: async () => null,
    redo: async () => null,
    progress: async (annotator) => progress(annotator),
    async addResponses(_, responses) {
      mkdirSync(join(folder, 'responses'), { recursive: true });
      const text = responses.map((row) => `${JSON.stringify(row)}\n`).join('');
      appendFileSync(join(folder, 'responses', 'all.jsonl'), text);
      tell('content');
    },
    preferences: async () => ({ rows: preferences(), leftOut: {} }),
    exportPreferences: unused,
    labelledResponses: async () => [],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {},
  };
}

function preference(prompt: Prompt, chosen: Response, rejected: Response): PreferenceRow {
  const text = ({ parts }: Response) => parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  return {
    prompt: prompt.content,
    chosen: text(chosen),
    rejected: text(rejected),
    chosenFinished: chosen.finished,
    rejectedFinished: rejected.finished,
  };
}

function parsed<Row>(line: string): Row[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Row];
  } catch {
    return [];
  }
}

function appendFlushed(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a');
  try {
    writeSync(file, `${JSON.stringify(value)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
