import { writeSync } from 'node:fs';
import Mocha from 'mocha';
import { skipReasonOf } from '../test/support/skip.ts';

export interface RunOptions {
  /** Built test files, absolute. */
  files: string[];
  /** Only tests whose full title holds this text. */
  grep?: string;
  /** Where every line goes; stdout if absent. */
  print?: (line: string) => void;
  /** How long, in ms, work left behind by the tests may keep the process alive before it counts as a failure; 10,000. */
  patience?: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const { EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;
const slow = 500;

/**
 * Runs the files and leaves the process to end by itself. Whatever happens, the last line on stdout is
 * `N passed, N failed, N skipped`, and the exit code is 0 only when a test ran and none failed.
 */
export async function runTests(options: RunOptions): Promise<void> {
  const print = options.print ?? ((line: string) => void writeAll(`${line}\n`));
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let finished = false;
  let summarised = false;
  const summarise = () => {
    if (summarised) return;
    summarised = true;
    process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
    print('');
    print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  };
  process.on('exit', () => {
    if (!finished) {
      counts.failed++;
      print('The process ended before the tests did: a test calls process.exit, or the error above stopped it.');
    }
    summarise();
  });

  // mocha's base reporter prints nothing; `report` does.
  const mocha = new Mocha({ timeout: 120_000, reporter: Mocha.reporters.Base, grep: options.grep, forbidOnly: true });
  for (const file of options.files) mocha.addFile(file);
  await mocha.loadFilesAsync();
  const failures: string[] = [];
  const runner = mocha.run(() => {
    finished = true;
    for (const failure of failures) print(failure);
    if (counts.passed + counts.failed + counts.skipped === 0) print('No test matched.');
    failOnLeftovers(options.patience ?? 10_000, counts, print);
  });
  report(runner, counts, failures, print);
}

function report(runner: Mocha.Runner, counts: Counts, failures: string[], print: (line: string) => void): void {
  let depth = 0;
  const indented = (text: string) => print(`${'  '.repeat(Math.max(depth, 0))}${text}`);
  runner.on(EVENT_SUITE_BEGIN, (suite: Mocha.Suite) => {
    if (!suite.root) indented(suite.title);
    if (!suite.root) depth++;
  });
  runner.on(EVENT_SUITE_END, (suite: Mocha.Suite) => {
    if (!suite.root) depth--;
  });
  runner.on(EVENT_TEST_PASS, (test: Mocha.Test) => {
    counts.passed++;
    indented(`✓ ${test.title}${(test.duration ?? 0) > slow ? ` (${test.duration} ms)` : ''}`);
  });
  runner.on(EVENT_TEST_PENDING, (test: Mocha.Test) => {
    counts.skipped++;
    indented(`- ${test.title} (skipped: ${skipReasonOf(test) ?? 'no reason given'})`);
  });
  runner.on(EVENT_TEST_FAIL, (test: Mocha.Test, error: Error) => {
    counts.failed++;
    indented(`✗ ${counts.failed}) ${test.title}`);
    failures.push(`\n${counts.failed}) ${test.titlePath().join(' › ')}\n${describeFailure(error)}`);
  });
}

/** The message, a difference when there is one (assert's own message holds it already), and the stack without mocha. */
function describeFailure(error: Error): string {
  const text = error?.stack?.includes(error.message)
    ? error.stack
    : `${error?.message ?? error}\n${error?.stack ?? ''}`;
  return text
    .split('\n')
    .filter((line) => !/^\s+at .*(node_modules\/mocha|node:internal)/.test(line))
    .map((line) => `  ${line}`)
    .join('\n');
}

/** A test that leaves a server, a child or a timer behind hides a leak in the product: named and counted, then ended. */
function failOnLeftovers(patience: number, counts: Counts, print: (line: string) => void): void {
  setTimeout(() => {
    counts.failed++;
    print(`\nStill open ${patience} ms after the last test: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, patience).unref();
}

/** At once and whole, also into a pipe and while the process ends. */
function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
