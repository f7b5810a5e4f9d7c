import { basename, isAbsolute, join } from 'node:path';
import { UserError } from '../errors.ts';
import type { ClientParams } from '../protocol/client.ts';
import type { EngineParams } from '../protocol/engine.ts';
import type { ChatMessage, GeneratedAnswer, PromptRow } from '../protocol/types.ts';
import type { NewResponse } from '../store/projectStore.ts';
import { readPromptRows } from '../store/rows.ts';
import { embeddedName } from './baseModel.ts';
import { EngineStopped } from './engineProcess.ts';
import type { JobContext, JobEnding, JobHandle } from './jobQueue.ts';
import { generatingModel, type UsableModel } from './models.ts';
import { type JobParts, modelsOf } from './openProject.ts';

export type GenerateRequest = Omit<ClientParams<'generate'>, 'project'>;

/** Answers in one call of the engine, and answers kept before they are written. */
const answersACall = 64;
const answersAWrite = 8;

type PromptContent = string | readonly ChatMessage[];

interface Generation {
  readonly prompts: readonly PromptContent[];
  readonly model: UsableModel;
  /** As annotators read it after their decision. */
  readonly modelName: string;
  /** Of the file below responses/. */
  readonly file: string;
  readonly seed: number;
  readonly samples: number;
  readonly maxNewTokens: number;
  readonly temperature: number;
}

/**
 * Answers the project's prompts, those with the fewest responses first, into responses/DATE.jsonl.
 *
 * @throws UserError where there is nothing to answer, or nothing to answer with
 */
export async function startGenerating(parts: JobParts, request: GenerateRequest): Promise<JobHandle> {
  const generation = await planGeneration(parts, request);
  const { prompts, modelName } = generation;
  return parts.queue.add({
    project: parts.project,
    kind: 'generate',
    title: `Generate: ${counted(prompts.length, 'prompt')} with ${modelName}`,
    work: (context) => generate(parts, generation, context),
  });
}

async function planGeneration(parts: JobParts, request: GenerateRequest): Promise<Generation> {
  const { project, store } = parts;
  const config = await store.config();
  const { samples, maxNewTokens, temperature } = config.generate;
  const entries = await store.prompts();
  const answered = new Map(entries.map(({ prompt, responses }) => [JSON.stringify(prompt.content), responses.length]));
  const asked =
    request.prompts === undefined ? entries.map(({ prompt }) => prompt.content) : readAsked(project, request);
  // Rows of a file may come twice; sorting keeps the order among those with equally many responses.
  const distinct = [...new Map(asked.map((content) => [JSON.stringify(content), content]))];
  distinct.sort(([a], [b]) => (answered.get(a) ?? 0) - (answered.get(b) ?? 0));
  const prompts = distinct.slice(0, request.limit).map(([, content]) => content);
  if (prompts.length === 0) {
    throw new UserError('There are no prompts yet: write some into a file below prompts/, one JSON object a line.');
  }
  const model = await generatingModel(modelsOf(parts, config), request.model);
  const responses = entries.reduce((sum, entry) => sum + entry.responses.length, 0);
  return {
    prompts,
    model,
    modelName: model.kind === 'base' ? nameOfBase(model.id) : model.id,
    file: new Date().toISOString().slice(0, 10),
    // Asked again, the same prompt gets other responses.
    seed: (config.seed * 1_000_003 + responses) % 2 ** 32,
    samples: request.samples ?? samples,
    maxNewTokens: request.maxNewTokens ?? maxNewTokens,
    temperature: request.temperature ?? temperature,
  };
}

function readAsked(project: string, { prompts: path = '' }: GenerateRequest): PromptContent[] {
  const file = isAbsolute(path) ? path : join(project, path);
  return readPromptRows(file).map((row) => ('messages' in row ? row.messages : row.prompt));
}

async function generate(parts: JobParts, generation: Generation, context: JobContext): Promise<JobEnding> {
  const { store, project } = parts;
  const { prompts, samples, file, modelName } = generation;
  const output = join(project, 'responses', `${file}.jsonl`);
  const total = prompts.length * samples;
  const written = { responses: 0, blank: 0 };
  let writing: Promise<void> = Promise.resolve();
  let waiting: NewResponse[] = [];
  const flush = () => {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    writing = writing.then(async () => {
      const kept = await store.addResponses(file, batch);
      written.responses += kept;
      written.blank += batch.length - kept;
    });
    // Looked at when the calls have ended; a rejection meanwhile is no fault of its own.
    writing.catch(() => {});
  };
  const began = performance.now();
  const tell = (done: number) => {
    const seconds = (performance.now() - began) / 1000;
    const secondsLeft = done > 0 && seconds > 1 ? (seconds / done) * (total - done) : undefined;
    context.progress({ what: 'generating', done: Math.floor(done), total, secondsLeft });
  };
  context.progress({ what: 'loading the model', done: 0, total });
  const perCall = Math.max(1, Math.floor(answersACall / samples));
  let stopped = false;
  try {
    for (let start = 0; start < prompts.length && !stopped; start += perCall) {
      const group = prompts.slice(start, start + perCall);
      const take = ({ row, text, finished }: GeneratedAnswer) => {
        waiting.push({ prompt: group[row], completion: text, finished, model: modelName });
        if (waiting.length >= answersAWrite) flush();
      };
      await parts.engine.call('generate', callParams(generation, group, start), {
        signal: context.signal,
        onEvent(event) {
          if (event.kind === 'notice') context.notice(event.message);
          else if (event.kind === 'row') take(event.row);
          else if (event.total > 0) tell((start + (event.done / event.total) * group.length) * samples);
        },
      });
      tell((start + group.length) * samples);
    }
  } catch (error) {
    if (!(error instanceof EngineStopped)) throw error;
    stopped = true;
  } finally {
    // What is done is kept, however it ended.
    flush();
    await writing;
  }
  const blank = written.blank > 0 ? ` (${counted(written.blank, 'blank one')} left out)` : '';
  const summary = `${counted(written.responses, 'response')} to ${counted(prompts.length, 'prompt')} in responses/${file}.jsonl${blank}`;
  return { status: stopped ? 'stopped' : 'done', summary, ...(written.responses > 0 ? { output } : {}) };
}

function callParams(generation: Generation, group: readonly PromptContent[], start: number): EngineParams<'generate'> {
  const { model, seed, samples, maxNewTokens, temperature } = generation;
  const rows = group.map(
    (content): PromptRow => (typeof content === 'string' ? { prompt: content } : { messages: content }),
  );
  return {
    model: model.model,
    adapter: model.adapter,
    source: { rows },
    sampling: { temperature },
    samples,
    maxNewTokens,
    seed: (seed + start) % 2 ** 32,
  };
}

function nameOfBase(id: string): string {
  return id === embeddedName ? id : basename(id).replace(/\.gguf$/i, '');
}

/** "1 prompt", "20 prompts" */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
