import { extname } from 'node:path';
import { UserError } from '../../errors.ts';

const PICKLE_NAMES = new Set(['.bin', '.pt', '.pth', '.ckpt', '.pkl', '.pickle']);

/** Whether a file's name says that it is a Python pickle (PyTorch's old weight files). */
export function isPickleName(path: string): boolean {
  return PICKLE_NAMES.has(extname(path).toLowerCase());
}

/**
 * Throws a UserError where the first bytes of a file are those of a Python pickle: protocol 2 to 5 (0x80, number), or
 * the zip archive that torch.save writes ("PK"). A pickle can run code when it is opened, so none is ever read.
 */
export function refusePickle(path: string, start: Uint8Array): void {
  const protocol = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
  const zip = start[0] === 0x50 && start[1] === 0x4b && start[2] <= 8 && start[3] <= 8;
  if (protocol || zip) throw pickleError(path);
}

/** The refusal, for a file known by its name. */
export function pickleError(path: string): UserError {
  return new UserError(
    `${path} is a Python pickle (or a zip archive of one), which can run code when it is opened; Palate never opens one. ` +
      'Use the model.safetensors of the same model, or convert it in Python: load it with from_pretrained and call save_pretrained(folder, safe_serialization=True).',
  );
}
