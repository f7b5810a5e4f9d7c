import { UserError } from '../../errors.ts';
import { count, quoted } from './files.ts';
import { TimeLimitError, withinTime } from './timeLimit.ts';
import type { TokenizerJson } from './tokenizerJson.ts';
import { knownPatterns } from './tokenizerSources.ts';

/**
 * A tokenizer.json brings regular expressions of its own, and one that backtracks without end would hang the engine. Those
 * that published models share are known to be harmless and run as they are; a tokenizer with any other works within a
 * time limit, and is refused for good once it has passed it.
 */
export class PatternGuard {
  private readonly where: string;
  private readonly suspects: readonly string[];
  private readonly seconds: number;
  private refusal: UserError | undefined;

  /** `seconds` that a short text may take: far more than any needs, on a machine that is busy with other things too. */
  constructor(where: string, json: TokenizerJson, seconds = 5) {
    this.where = where;
    this.seconds = seconds;
    this.suspects = [json.normalizer, json.pre_tokenizer, json.decoder].flatMap(patternsIn).filter(isUnknown);
  }

  /**
   * What `work` gives, which runs the patterns over `characters` of text. Throws a UserError where it takes longer than
   * `shortText` seconds and a share for each character.
   */
  run<Result>(characters: number, work: () => Result, shortText = this.seconds): Result {
    if (this.refusal !== undefined) throw this.refusal;
    if (this.suspects.length === 0) return work();
    const seconds = shortText + characters / 100_000;
    try {
      return withinTime(seconds * 1000, work);
    } catch (error) {
      if (error instanceof TimeLimitError) throw this.refuse(characters, seconds);
      throw error;
    }
  }

  /**
   * Runs `work` on texts that make common mistakes show: the same characters over and over, and something else at the
   * end. Throws a UserError as `run` does; what else `work` throws is not what this is about.
   */
  probe(work: (text: string) => unknown): void {
    if (this.suspects.length === 0) return;
    const texts = repeated.flatMap((unit) => endings.map((end) => unit.repeat(100) + end));
    for (const text of texts) {
      try {
        this.run(text.length, () => work(text), this.seconds / 2);
      } catch (error) {
        if (error === this.refusal) throw error;
      }
    }
  }

  private refuse(characters: number, seconds: number): UserError {
    const [first, ...others] = this.suspects;
    const more = others.length === 0 ? '' : ` (or ${count(others.length)} more)`;
    this.refusal = new UserError(
      `${this.where}: the pattern ${quoted(first)}${more} took more than ${count(Math.ceil(seconds))} s on a text of ${count(characters)} characters: it backtracks without end, and the tokenizer cannot be used. Fetch the file again from the model's publisher.`,
    );
    return this.refusal;
  }
}

const repeated = ['a', 'A', ' ', '0', '.', '\n', 'é', '中', 'a ', '0,'];
const endings = ['!', 'a', ''];

function isUnknown(pattern: string): boolean {
  return !knownPatterns.has(pattern);
}

/** The regular expressions in a step of a tokenizer.json, and in the steps within it. */
function patternsIn(step: unknown): string[] {
  if (typeof step !== 'object' || step === null) return [];
  const own = (step as { pattern?: { Regex?: unknown } }).pattern?.Regex;
  return [...(typeof own === 'string' ? [own] : []), ...Object.values(step).flatMap(patternsIn)];
}
