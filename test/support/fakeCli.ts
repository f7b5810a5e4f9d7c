/** The command line with an engine without models: node fakeCli.js ENGINE COMMAND … */
import { runCommandLine } from '../../server/cli/commandLine.ts';

const [engineEntry, ...args] = process.argv.slice(2);
process.exitCode = await runCommandLine(args, { engineEntry });
