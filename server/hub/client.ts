import * as v from 'valibot';
import type { Checksum } from '../download/checksum.ts';
import { request } from '../download/request.ts';
import { UserError } from '../errors.ts';
import { type HubReference, mainRevision } from './reference.ts';
import { type HubEnvironment, hubEndpoint, hubToken, isOffline, tokenFile } from './settings.ts';

/** A file of a repository, as the hub tells of it. */
export interface HubFile {
  readonly name: string;
  /** Absent where the hub does not say. */
  readonly bytes?: number;
  readonly sum?: Checksum;
}

/** A repository at one commit. */
export interface HubRepository {
  readonly repository: string;
  readonly commit: string;
  /** What the hub read in the header of its GGUF files. */
  readonly architecture?: string;
  readonly files: readonly HubFile[];
}

/** How the hub is asked. */
export interface HubAccess {
  readonly endpoint: string;
  readonly token?: string;
  readonly tokenFile: string;
}

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = (length: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${length}}$`)));
const commit = hex(40);
/** Whatever else the hub says is left alone. */
const modelInfo = v.object({
  sha: commit,
  gguf: v.nullish(v.object({ architecture: v.nullish(v.string()) })),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.nullish(size),
      blobId: v.nullish(hex(40)),
      lfs: v.nullish(v.object({ sha256: v.nullish(hex(64)), oid: v.nullish(hex(64)), size: v.nullish(size) })),
    }),
  ),
});

/** Throws a UserError where the person has forbidden it. */
export function hubAccess(env: HubEnvironment = process.env): HubAccess {
  if (isOffline(env)) {
    throw new UserError('HF_HUB_OFFLINE forbids asking the hub: unset it, or add the model by its path.');
  }
  return { endpoint: hubEndpoint(env), token: hubToken(env), tokenFile: tokenFile(env) };
}

/**
 * Which commit a revision is, and what it holds: one request.
 *
 * @throws UserError where the hub cannot be reached, has no such model or revision, or does not let this person see it
 */
export async function askRepository(
  access: HubAccess,
  { repository, revision = mainRevision }: HubReference,
  signal: AbortSignal,
): Promise<HubRepository> {
  const url = `${access.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const { token: secret } = access;
  const response = await request(url, {
    signal,
    secret,
    unreachable: unreachable,
    headers: { accept: 'application/json' },
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw refusal(access, { repository, revision }, response);
  }
  const parsed = v.safeParse(modelInfo, await readJson(response, url));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new UserError(
      `${new URL(url).host} says of ${repository} what Palate does not understand (${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}).`,
    );
  }
  const { sha, siblings, gguf } = parsed.output;
  const architecture = gguf?.architecture ?? undefined;
  return { repository, commit: sha, files: siblings.map(hubFile), ...(architecture !== undefined && { architecture }) };
}

/** Size and checksum of a file from the headers of its address, for a hub whose list does not have them. */
export async function askFile(
  access: HubAccess,
  repository: HubRepository,
  name: string,
  signal: AbortSignal,
): Promise<HubFile> {
  const url = fileUrl(access, repository, name);
  const { token: secret } = access;
  const headers = { 'accept-encoding': 'identity' };
  const options = { method: 'HEAD', signal, secret, unreachable, headers, elsewhere: 'stop' } as const;
  const response = await request(url, options);
  await response.body?.cancel();
  if (response.status >= 400) throw refusal(access, repository, response, name);
  const header = (key: string) => response.headers.get(key) ?? undefined;
  const at = header('x-repo-commit');
  if (at !== undefined && at !== repository.commit) {
    throw new UserError(
      `${url} is of another commit (${at.slice(0, 12)}) than was asked for: run the same command again.`,
    );
  }
  const tag = (header('x-linked-etag') ?? header('etag') ?? '').replace(/^W\/|"/g, '');
  const bytes = Number(header('x-linked-size') ?? header('content-length') ?? Number.NaN);
  return { name, ...(Number.isSafeInteger(bytes) && bytes >= 0 && { bytes }), ...checksumOf(tag) };
}

export function fileUrl({ endpoint }: HubAccess, { repository, commit }: HubRepository, name: string): string {
  return `${endpoint}/${repository}/resolve/${commit}/${name.split('/').map(encodeURIComponent).join('/')}`;
}

/** Why the hub refuses, and what to do. The hub says the reason in a header of its own. */
export function refusal(
  { endpoint, token, tokenFile }: HubAccess,
  { repository, revision }: HubReference,
  { status, statusText, headers }: Response,
  file?: string,
): UserError {
  const code = headers.get('x-error-code');
  const giveToken = `give a token of yours (${endpoint}/settings/tokens) in the environment variable HF_TOKEN or in the file ${tokenFile}`;
  if (code === 'GatedRepo' || status === 403) {
    const then =
      token === undefined
        ? `, then ${giveToken}`
        : '; the token that was sent belongs to somebody who has not, or may not read it';
    return new UserError(`${repository} is gated: accept its conditions at ${endpoint}/${repository}${then}.`);
  }
  if (code === 'RevisionNotFound') {
    return new UserError(
      `${repository} has no revision ${JSON.stringify(revision)}: ${endpoint}/${repository}/tree/main shows its branches.`,
    );
  }
  if (code === 'EntryNotFound')
    return new UserError(`${repository} has no file ${JSON.stringify(file)} any more: run the same command again.`);
  if (status === 401 || status === 404) {
    const elsewhere =
      token === undefined
        ? `if it is private, ${giveToken}`
        : 'if it is private, the token that was sent does not open it';
    return new UserError(`${endpoint} has no model ${repository}: check the name; ${elsewhere}.`);
  }
  if (status === 429) {
    const wait = headers.get('retry-after');
    return new UserError(
      `${endpoint} asks to wait${wait ? ` ${wait} s` : ''}: too much was asked from here. Run the same command again later.`,
    );
  }
  const what = file === undefined ? repository : `${repository}, ${file}`;
  return new UserError(`${endpoint} answered ${status} ${statusText} for ${what}: run the same command again later.`);
}

/** Ends the sentence where the hub cannot be reached. */
export const unreachable = ', or add the model by its path; the environment variable HF_ENDPOINT can name a mirror';

function hubFile({ rfilename, size, blobId, lfs }: v.InferOutput<typeof modelInfo>['siblings'][number]): HubFile {
  const bytes = lfs?.size ?? size ?? undefined;
  const sum = checksumOf(lfs?.sha256 ?? lfs?.oid ?? (lfs ? '' : (blobId ?? '')));
  return { name: rfilename, ...(bytes !== undefined && { bytes }), ...sum };
}

/** Large files are named by their SHA-256, small ones as git names them. */
function checksumOf(name: string): { readonly sum?: Checksum } {
  if (/^[0-9a-f]{64}$/.test(name)) return { sum: { algorithm: 'sha256', value: name } };
  if (/^[0-9a-f]{40}$/.test(name)) return { sum: { algorithm: 'gitBlob', value: name } };
  return {};
}

const mostBytes = 32 << 20;

async function readJson(response: Response, url: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw new Error('it does not end');
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new UserError(`${url} sends no JSON (${(error as Error).message}): is HF_ENDPOINT a hub?`, { cause: error });
  }
}
