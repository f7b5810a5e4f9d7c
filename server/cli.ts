import { runCommandLine } from './cli/commandLine.ts';

// Set, not exited with: what is still on its way to stdout gets there.
process.exitCode = await runCommandLine(process.argv.slice(2));
