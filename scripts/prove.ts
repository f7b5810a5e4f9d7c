/** `npm run prove [-- name …] [--json]`: every figure beside its bar; exit code 1 when one is not met. */
import { measure, repositoryFrame } from './measure.ts';

process.exitCode = await measure(process.argv.slice(2), await repositoryFrame('prove'));
