import { UserError } from '../errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'a folder is in its place',
  EEXIST: 'something else is in its place',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is used up",
  EFBIG: 'the file would become larger than is allowed',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports a fault',
};

/** Why a call of the file system failed, as the end of a sentence. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && reasons[code]) ?? code ?? message ?? String(error);
}

/** "Cannot write feedback/ann.jsonl: the disk is full." and what to do. Errors that are sentences already stay. */
export function fileError(what: string, error: unknown, advice = ''): UserError {
  if (error instanceof UserError) return error;
  return new UserError(`${what}: ${reasonOf(error)}.${advice ? ` ${advice}` : ''}`, { cause: error });
}

export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
