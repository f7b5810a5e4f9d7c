import { EngineProcess } from '../jobs/engineProcess.ts';

/** How a command speaks and is stopped. */
export interface Console {
  /** The command line as it was given, from the command's name on. */
  readonly args: readonly string[];
  /** Results as JSON lines instead of text. */
  readonly json: boolean;
  /** Aborted by the first Ctrl+C, by SIGTERM, and when nobody reads stdout any more. */
  readonly signal: AbortSignal;
  readonly engine: EngineProcess;
  /** One line of results, or a text of several, to stdout. */
  result(line: string): void;
  /** One result to stdout as JSON. */
  resultJson(value: unknown): void;
  /** One line to stderr. */
  say(line: string): void;
  /** What Ctrl+C does is said once, when it happens: "Stopping after this step …". */
  onInterrupt(listener: () => void): void;
  /** The exit code where a signal ends the command: 130 after Ctrl+C. */
  readonly interruptCode: number | undefined;
  /** Seconds since the command began, to the millisecond. */
  seconds(): number;
}

export interface OpenConsole extends Console {
  close(): Promise<void>;
}

/** Milliseconds within which a second signal belongs to the first. */
const samePress = 500;

/** The console of this process. A second Ctrl+C kills the engine and ends the process. */
export function openConsole(options: {
  readonly args: readonly string[];
  readonly json: boolean;
  readonly engineEntry?: string;
}): OpenConsole {
  const began = performance.now();
  const controller = new AbortController();
  const listeners: (() => void)[] = [];
  const engine = new EngineProcess({
    entry: options.engineEntry,
    // The runtime's own warnings, for those who look for a fault.
    onOutput: process.env.PALATE_DEBUG ? (line) => process.stderr.write(`engine: ${line}\n`) : undefined,
  });
  let interruptCode: number | undefined;
  let interruptedAt = 0;
  let unread = false;
  const interrupt = (code: number) => {
    if (interruptCode !== undefined) {
      // npm passes on the signal that the terminal has already sent: one key press, not two.
      if (performance.now() - interruptedAt < samePress) return;
      engine.kill();
      process.exit(code);
    }
    interruptCode = code;
    interruptedAt = performance.now();
    for (const listener of listeners) listener();
    controller.abort();
  };
  const onSigint = () => interrupt(130);
  const onSigterm = () => interrupt(143);
  process.on('SIGINT', onSigint);
  process.on('SIGTERM', onSigterm);
  // `| head` closes its end when it has enough: no error, but no reason to go on either.
  const onBrokenPipe = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    unread = true;
    controller.abort();
  };
  process.stdout.on('error', onBrokenPipe);
  process.stderr.on('error', onBrokenPipe);
  const result = (line: string) => {
    if (!unread) process.stdout.write(`${line}\n`);
  };
  return {
    args: options.args,
    json: options.json,
    signal: controller.signal,
    engine,
    result,
    resultJson: (value) => result(JSON.stringify(value)),
    say: (line) => void process.stderr.write(`${line}\n`),
    onInterrupt: (listener) => void listeners.push(listener),
    seconds: () => Math.round(performance.now() - began) / 1000,
    get interruptCode() {
      return interruptCode;
    },
    async close() {
      await engine.close();
      process.off('SIGINT', onSigint);
      process.off('SIGTERM', onSigterm);
    },
  };
}

/**
 * A text from a model or a file, made fit for a terminal: control characters, which could move the cursor or write to
 * the clipboard, are shown as escapes; tabs and line ends stay.
 */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
