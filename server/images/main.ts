/** Decodes pictures, one after the other, in a process that may die of one of them. Started by child.ts. */
import { decodePicture } from './decode.ts';
import type { DecodeReply, DecodeRequest } from './protocol.ts';
import { Refused } from './source.ts';

async function answer({ id, source, sha256, target }: DecodeRequest): Promise<DecodeReply> {
  try {
    const ok = await decodePicture(source, sha256, target);
    return ok ? { id, ok } : { id, changed: true };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return { id, refused: error instanceof Refused ? message : `cannot be prepared (${code ?? message})` };
  }
}

process.on('message', (request: DecodeRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
// Nobody is left to decode for.
process.on('disconnect', () => process.exit(0));
