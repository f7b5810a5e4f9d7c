import { parseArgs } from 'node:util';
import { nearestName } from '../config.ts';
import { UserError } from '../errors.ts';
import type { Console } from './console.ts';

/** One `--flag`. */
export interface Flag<Value> {
  /** Shown in the help after the flag: "PATH". Absent: the flag stands alone. */
  readonly placeholder?: string;
  readonly help: string;
  readonly required: boolean;
  /**
   * Throws a UserError where the text is no such value. `text` is undefined for a flag that stands alone; `before`: what
   * an earlier flag of this name gave.
   */
  readonly parse: (name: string, text: string | undefined, before?: unknown) => Value;
  /** What it is where it is not given; absent: undefined, or false for a flag that stands alone. */
  readonly fallback?: Value;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** Required flags and switches are always there; the others may be undefined. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name] extends Flag<infer Value> ? Value : never;
};

export interface Command<F extends Flags = Flags> {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** More lines of help. */
  readonly details: string;
  readonly flags: F;
  /** Names of what stands without a flag, all of it required. */
  readonly operands: readonly string[];
  /** Names of what may follow those. */
  readonly optionalOperands?: readonly string[];
  /** Holds flags and operands against each other, before anything is done. Throws a UserError naming the flag. */
  check?(values: FlagValues<F>, operands: readonly string[]): void;
  /** Answers the exit code. */
  run(values: FlagValues<F>, operands: readonly string[], console: Console): Promise<number>;
}

/** Keeps the types of the flags while the table of commands forgets them. */
export function command<F extends Flags>(definition: Command<F>): Command {
  return definition as unknown as Command;
}

// ------------------------------------------------------------------------------------------------ flags

export function required<Value>(flag: Flag<Value | undefined>): Flag<Value> {
  return { ...flag, required: true } as Flag<Value>;
}

export function textFlag(placeholder: string, help: string): Flag<string | undefined> {
  return { placeholder, help, required: false, parse: (_, text) => text };
}

/** A flag that may be given several times. */
export function severalFlag(placeholder: string, help: string): Flag<readonly string[]> {
  return {
    placeholder,
    help,
    required: false,
    parse: (_, text, before) => [...((before ?? []) as readonly string[]), text ?? ''],
    fallback: [],
  };
}

export function switchFlag(help: string): Flag<boolean> {
  return { help, required: false, parse: () => true };
}

export function choiceFlag<Choice extends string>(choices: readonly Choice[], help: string): Flag<Choice | undefined> {
  return {
    placeholder: choices.join('|'),
    help,
    required: false,
    parse(name, text) {
      const choice = choices.find((candidate) => candidate === text);
      if (choice !== undefined) return choice;
      const nearest = nearestName(text ?? '', choices);
      const hint = nearest ? ` Did you mean ${nearest}?` : '';
      throw new UserError(`--${name} is one of ${choices.join(', ')}, not ${JSON.stringify(text)}.${hint}`);
    },
  };
}

export interface NumberRange {
  readonly least: number;
  /** The least value itself is too little. */
  readonly above?: boolean;
  readonly most?: number;
  readonly whole?: boolean;
}

export function numberFlag(placeholder: string, help: string, range: NumberRange): Flag<number | undefined> {
  const { least, above = false, most = Number.MAX_SAFE_INTEGER, whole = false } = range;
  const bound = `${above ? 'above' : 'of at least'} ${least}${range.most === undefined ? '' : ` and at most ${most}`}`;
  return {
    placeholder,
    help,
    required: false,
    parse(name, text) {
      const value = text?.trim() ? Number(text) : Number.NaN;
      const fits = (above ? value > least : value >= least) && value <= most && (!whole || Number.isInteger(value));
      if (fits) return value;
      throw new UserError(`--${name} takes a ${whole ? 'whole ' : ''}number ${bound}, not ${JSON.stringify(text)}.`);
    },
  };
}

// ------------------------------------------------------------------------------------------------ the command line

export interface ParsedCommand {
  readonly help: boolean;
  readonly values: FlagValues<Flags>;
  readonly operands: readonly string[];
}

const helpFlag = 'help';

/**
 * Reads what follows the command's name.
 *
 * @throws UserError naming the flag; for an unknown one the nearest that exists
 */
export function parseCommand(command: Command, args: readonly string[]): ParsedCommand {
  const { name, flags, operands, optionalOperands = [] } = command;
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      [helpFlag]: { type: 'boolean', short: 'h' },
      ...Object.fromEntries(
        Object.entries(flags).map(
          ([flag, { placeholder }]) => [flag, { type: placeholder ? 'string' : 'boolean' }] as const,
        ),
      ),
    },
    strict: false,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  const found: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') found.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === helpFlag) return { help: true, values: {}, operands: [] };
    values[token.name] = flagValue(name, flags, token, values[token.name]);
  }
  for (const [flag, { placeholder, required: isRequired, fallback }] of Object.entries(flags)) {
    if (fallback !== undefined) values[flag] ??= fallback;
    if (!placeholder) values[flag] ??= false;
    if (isRequired && values[flag] === undefined) throw missingFlag(command, flag);
  }
  checkOperands(name, operands, optionalOperands, found);
  command.check?.(values, found);
  return { help: false, values, operands: found };
}

/** "palate train needs --stage sft|reward|ppo|all." */
export function missingFlag({ name, flags }: Pick<Command, 'name' | 'flags'>, flag: string): UserError {
  const { placeholder } = flags[flag];
  return new UserError(`palate ${name} needs --${flag} ${placeholder}. \`palate ${name} --help\` shows all flags.`);
}

export function missingOperands(command: string, names: readonly string[]): UserError {
  return new UserError(`palate ${command} needs ${names.join(' ')}. \`palate ${command} --help\` shows how.`);
}

function flagValue(
  command: string,
  flags: Flags,
  { name, rawName, value, inlineValue }: { name: string; rawName: string; value?: string; inlineValue?: boolean },
  before: unknown,
): unknown {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (!flag) {
    const nearest = nearestName(name, [...Object.keys(flags), helpFlag]);
    const hint = nearest ? `Did you mean --${nearest}?` : `\`palate ${command} --help\` shows all flags.`;
    throw new UserError(`palate ${command} has no flag ${rawName}. ${hint}`);
  }
  if (!flag.placeholder && inlineValue) throw new UserError(`--${name} stands alone; it takes no value.`);
  if (flag.placeholder && (value === undefined || (!inlineValue && value.startsWith('--')))) {
    throw new UserError(`--${name} needs a value: --${name} ${flag.placeholder}.`);
  }
  return flag.parse(name, value, before);
}

function checkOperands(
  command: string,
  wanted: readonly string[],
  optional: readonly string[],
  found: readonly string[],
): void {
  if (found.length < wanted.length) throw missingOperands(command, wanted.slice(found.length));
  if (found.length > wanted.length + optional.length) {
    const extra = JSON.stringify(found[wanted.length + optional.length]);
    throw new UserError(
      `palate ${command} does not know what to do with ${extra}. \`palate ${command} --help\` shows how.`,
    );
  }
}

// ------------------------------------------------------------------------------------------------ help

export function commandHelp({ name, summary, details, flags, operands, optionalOperands = [] }: Command): string {
  const shown = Object.entries(flags).map(([flag, { placeholder, required: isRequired }]) => {
    const usage = placeholder ? `--${flag} ${placeholder}` : `--${flag}`;
    return isRequired ? usage : `[${usage}]`;
  });
  const rows = Object.entries(flags).map(([flag, { placeholder, help }]): [string, string] => [
    `--${flag}${placeholder ? ` ${placeholder}` : ''}`,
    help,
  ]);
  return [
    `palate ${name}: ${summary}`,
    '',
    wrapped([`Usage: palate ${name}`, ...shown, ...operands, ...optionalOperands.map((name) => `[${name}]`)], '  '),
    '',
    ...(details ? [details.trim(), ''] : []),
    ...table(rows),
  ].join('\n');
}

/** Two columns, the first as wide as its widest entry, at most 36. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(36, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => {
    const indent = ' '.repeat(width + 4);
    const text = wrapped(right.split(' '), indent, indent).slice(indent.length);
    return left.length > width ? `  ${left}\n${indent}${text}` : `  ${left.padEnd(width)}  ${text}`;
  });
}

/** Words that are not torn apart, on lines of at most 100 characters. */
function wrapped(words: readonly string[], indent: string, first = ''): string {
  const lines = [first];
  for (const word of words) {
    const line = lines[lines.length - 1];
    const begun = line.trim() !== '';
    if (begun && line.length + 1 + word.length > 100) lines.push(indent + word);
    else lines[lines.length - 1] = begun ? `${line} ${word}` : line + word;
  }
  return lines.join('\n');
}
