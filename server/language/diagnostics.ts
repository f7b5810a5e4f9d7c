import { type Connection, type Diagnostic, DiagnosticSeverity } from 'vscode-languageserver/node';
import type { RowScore } from '../scores/scorer.ts';
import { idleBreather } from './breathe.ts';
import { type IgnoredRows, nameOf } from './ignored.ts';
import type { OpenFile } from './openFiles.ts';
import type { PlacedRow } from './rowDocument.ts';
import type { LanguageSession } from './session.ts';
import { type Throttled, throttled } from './throttle.ts';
import { type DisagreementData, diagnosticSource, disagreementCode, type LanguageProject } from './types.ts';
import { signed } from './words.ts';

/** By how many deviations of the labelled margins the rejected response must lead to be worth a word, and a warning. */
const notable = 1;
const strong = 2;
/** The deviation where too few labelled pairs are scored: rewards are normalised to 1 over what trained them. */
const usualDeviation = 1;
/** A reward model whose margins are all alike says nothing by a hundredth. */
const leastDeviation = 0.5;
const mostDiagnostics = 500;
const rowsAtOnce = 500;

/** Tells the editor of the pairs that the reward model judges the other way round, as far as their scores are known. */
export class Disagreements {
  readonly #connection: Connection;
  readonly #session: () => LanguageSession;
  readonly #ignored: IgnoredRows;
  readonly #again: Throttled;
  /** Counts the computations of a file: only the newest speaks. */
  readonly #newest = new Map<string, number>();
  readonly #said = new Set<string>();

  constructor(connection: Connection, session: () => LanguageSession, ignored: IgnoredRows) {
    this.#connection = connection;
    this.#session = session;
    this.#ignored = ignored;
    this.#again = throttled(() => void this.#updateAll(), { delay: 300, interval: 1000 });
  }

  /** Looks at all open files again, soon. */
  update(): void {
    this.#again();
  }

  closed(uri: string): void {
    this.#newest.delete(uri);
    this.#say(uri, undefined, []);
  }

  close(): void {
    this.#again.cancel();
  }

  async #updateAll(): Promise<void> {
    for (const file of this.#session().files) {
      try {
        await this.#updateFile(file);
      } catch (error) {
        this.#session().context.log?.(`Disagreements in ${file.uri}: ${(error as Error).message}`);
      }
    }
  }

  async #updateFile(file: OpenFile): Promise<void> {
    const { uri, document } = file;
    const session = this.#session();
    if (document === undefined) return;
    const turn = (this.#newest.get(uri) ?? 0) + 1;
    this.#newest.set(uri, turn);
    const version = document.version;
    const project = session.context.settings().inlineScores === 'off' ? undefined : await session.projectOf(uri);
    const found = project ? await this.#find(file, project) : [];
    const outdated = this.#newest.get(uri) !== turn || session.files.get(uri) !== file || document.version !== version;
    if (!outdated) this.#say(uri, version, found);
  }

  async #find(file: OpenFile, project: LanguageProject): Promise<Diagnostic[]> {
    const { scorer, folder } = project;
    if (file.document === undefined || (await scorer.rewardModel()) === undefined) return [];
    const version = file.document.version;
    const [labelled, ignored] = await Promise.all([scorer.labelled(), this.#ignored.of(folder)]);
    const deviation = Math.max(labelled.marginDeviation ?? usualDeviation, leastDeviation);
    const breathe = idleBreather();
    const found: Diagnostic[] = [];
    let pairs: Pair[] = [];
    const judge = async () => {
      const scores = await scorer.lookup(pairs.flatMap(({ keys }) => [keys.chosen, keys.rejected]));
      found.push(
        ...pairs.flatMap((pair, k) => disagreement(pair, [scores[2 * k], scores[2 * k + 1]], deviation) ?? []),
      );
      pairs = [];
    };
    for (const placed of file.document.rows()) {
      await breathe();
      // Edited meanwhile: it is looked at again.
      if (file.document.version !== version || found.length >= mostDiagnostics) break;
      const keys = placed.row.pair;
      if (keys && !ignored.has(nameOf(keys))) pairs.push({ placed, keys });
      if (pairs.length >= rowsAtOnce) await judge();
    }
    await judge();
    return found.slice(0, mostDiagnostics);
  }

  #say(uri: string, version: number | undefined, diagnostics: Diagnostic[]): void {
    if (diagnostics.length === 0 && !this.#said.has(uri)) return;
    if (diagnostics.length === 0) this.#said.delete(uri);
    else this.#said.add(uri);
    void this.#connection.sendDiagnostics({ uri, version, diagnostics }).catch(() => {});
  }
}

interface Pair {
  readonly placed: PlacedRow;
  readonly keys: DisagreementData;
}

function disagreement(
  { placed, keys }: Pair,
  [chosen, rejected]: readonly [RowScore | undefined, RowScore | undefined],
  deviation: number,
): Diagnostic | undefined {
  if (!chosen || !rejected || 'error' in chosen || 'error' in rejected) return undefined;
  const lead = (rejected.reward - chosen.reward) / deviation;
  const target = placed.row.scan?.targets.find(({ column }) => column === 'chosen');
  if (!(lead > notable) || target === undefined) return undefined;
  return {
    range: placed.range(target.name),
    severity: lead > strong ? DiagnosticSeverity.Warning : DiagnosticSeverity.Information,
    source: diagnosticSource,
    code: disagreementCode,
    message: `The reward model prefers the rejected response: chosen ${signed(chosen.reward)}, rejected ${signed(rejected.reward)}, ${lead.toFixed(1)} deviations of the labelled margins apart.`,
    data: keys,
  };
}
