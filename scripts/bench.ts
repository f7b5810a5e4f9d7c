/** `npm run bench [-- name …] [--json]`: speed and memory of this machine; the frame of prove, but no figure fails it. */
import { measure, repositoryFrame } from './measure.ts';

process.exitCode = await measure(process.argv.slice(2), await repositoryFrame('bench'));
