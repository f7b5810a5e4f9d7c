/**
 * A program: prints what a model is, from its headers alone, as JSON. A process of its own, because the vocabulary of a
 * large model takes longer to read than the server may stand still.
 */
import { describeModel } from '../engine/weights/load.ts';
import { UserError } from '../errors.ts';

try {
  process.stdout.write(JSON.stringify({ ok: describeModel(process.argv[2]) }));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stdout.write(JSON.stringify({ error: error.message }));
}
