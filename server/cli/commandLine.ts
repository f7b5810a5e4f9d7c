import { nearestName } from '../config.ts';
import { UserError } from '../errors.ts';
import { EngineCrashed, EngineStopped } from '../jobs/engineProcess.ts';
import { commandHelp, parseCommand, table } from './command.ts';
import { openConsole } from './console.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { evaluate } from './evaluate.ts';
import { exportPreferences } from './export.ts';
import { exportModel } from './exportModel.ts';
import { generate } from './generate.ts';
import { installCuda } from './installCuda.ts';
import { modelAdd } from './modelAdd.ts';
import { modelList } from './modelList.ts';
import { modelRemove } from './modelRemove.ts';
import { resume } from './resume.ts';
import { runs } from './runs.ts';
import { score } from './score.ts';
import { setupTensorflow } from './setupTensorflow.ts';
import { train } from './train.ts';

const commands = [
  demo,
  generate,
  evaluate,
  train,
  score,
  exportPreferences,
  runs,
  resume,
  doctor,
  modelAdd,
  modelList,
  modelRemove,
  exportModel,
  setupTensorflow,
  installCuda,
];

/** Nothing but the sentence for the person's own errors; a stack for ours. */
const userErrorCode = 1;
const faultCode = 2;

export interface CommandLineOptions {
  /** Another engine than the built one, for tests. */
  readonly engineEntry?: string;
}

/** Runs one command, with results on stdout and everything else on stderr, and answers its exit code. Never throws. */
export async function runCommandLine(args: readonly string[], options: CommandLineOptions = {}): Promise<number> {
  try {
    return await runCommand(args, options);
  } catch (error) {
    return report(error);
  }
}

async function runCommand(args: readonly string[], options: CommandLineOptions): Promise<number> {
  const [name, rest] = splitName(args);
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`);
    return name === undefined ? userErrorCode : 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) throw unknownCommand(name);
  const { help, values, operands } = parseCommand(command, rest);
  if (help) {
    process.stdout.write(`${commandHelp(command)}\n`);
    return 0;
  }
  const console = openConsole({ args, json: values.json === true, engineEntry: options.engineEntry });
  try {
    return await command.run(values, operands, console);
  } catch (error) {
    // Nobody reads stdout any more, or Ctrl+C: both were wanted.
    if (error instanceof EngineStopped) return console.interruptCode ?? 0;
    throw error;
  } finally {
    await console.close();
  }
}

/** Some commands have names of two words: `palate model export`. */
function splitName([first, second, ...rest]: readonly string[]): [name: string | undefined, rest: string[]] {
  const both = `${first} ${second}`;
  if (commands.some(({ name }) => name === both)) return [both, rest];
  return [first, second === undefined ? rest : [second, ...rest]];
}

function overview(): string {
  return [
    'palate teaches a language model your taste, on this machine.',
    '',
    'Usage: palate COMMAND …',
    '',
    ...table(commands.map(({ name, summary }) => [name, summary] as const)),
    '',
    '`palate COMMAND --help` shows the flags of a command.',
  ].join('\n');
}

function unknownCommand(name: string): UserError {
  const names = commands.map((command) => command.name);
  const longer = names.filter((other) => other.startsWith(`${name} `));
  if (longer.length > 0) return new UserError(`palate ${name} needs a second word: ${longer.join(', ')}.`);
  const nearest = nearestName(name, names);
  const hint = nearest ? `Did you mean ${nearest}?` : `The commands are: ${names.join(', ')}.`;
  return new UserError(`palate has no command ${JSON.stringify(name)}. ${hint}`);
}

function report(error: unknown): number {
  const known = error instanceof UserError || error instanceof EngineCrashed;
  const text = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${text}\n`);
  return error instanceof UserError ? userErrorCode : faultCode;
}
