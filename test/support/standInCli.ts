/** The command line as it is, on the stand-in store. PALATE_TEST_ENGINE names another engine. */
import { runCommandLine } from '../../server/cli/commandLine.ts';
import { openFileStore } from './fileStore.ts';

const engineEntry = process.env.PALATE_TEST_ENGINE;
process.exitCode = await runCommandLine(process.argv.slice(2), { engineEntry, openStore: openFileStore });
