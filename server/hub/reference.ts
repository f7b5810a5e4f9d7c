/** A model of the hub as people write it: `org/name`, `org/name@revision`, `org/name:file.gguf`. */
export interface HubReference {
  /** "org/name" */
  readonly repository: string;
  /** A branch, a tag, a commit or the beginning of one. Absent: main. */
  readonly revision?: string;
  /** A GGUF file of the repository. */
  readonly file?: string;
}

export const mainRevision = 'main';

const pattern =
  /^(?<repository>[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@(?<revision>[\w][\w./-]*))?(?::(?<file>[^:\\]+\.gguf))?$/i;

/** Undefined where a text is none: then it is a path, or another name. */
export function parseReference(text: string): HubReference | undefined {
  const { repository = '', revision, file } = pattern.exec(text)?.groups ?? {};
  // "--" stands for the slash in the names of folders; the hub has neither.
  const isName = repository.length <= 96 && !/--|\.\.|\.git$|\.gguf$/i.test(repository);
  const isRevision = revision === undefined || isPlainPath(revision);
  if (!isName || repository === '' || !isRevision || (file !== undefined && !isPlainPath(file))) return undefined;
  return {
    repository,
    ...(revision !== undefined && revision !== mainRevision && { revision }),
    ...(file !== undefined && { file }),
  };
}

export function referenceText({ repository, revision, file }: HubReference): string {
  return `${repository}${revision === undefined ? '' : `@${revision}`}${file === undefined ? '' : `:${file}`}`;
}

/** A path with forward slashes that stays below where it begins, on every system, and shows what it is. */
export function isPlainPath(path: string): boolean {
  return (
    path.length <= 255 &&
    path.split('/').every((name) => /^[\p{L}\p{N}_][\p{L}\p{N}_.+ ()-]*$/u.test(name) && !/[. ]$/.test(name))
  );
}

/** Whether `commit` is the revision: all of it, or its beginning. */
export function isRevisionOf(commit: string, revision: string): boolean {
  return /^[0-9a-f]{7,40}$/.test(revision) && commit.startsWith(revision);
}

/** "org--name": how the hub's own tools call its folder. */
export function repositoryFolder(repository: string): string {
  return repository.replace('/', '--');
}
