import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, serve } from './fileServer.ts';

/** A repository as the stand-in for the hub holds it. */
export interface FakeRepository {
  commit: string;
  files: Record<string, Buffer>;
  /** Further names that only the list says. */
  listed?: string[];
  /** What a token must be to read the files; the list is open to all. */
  gatedFor?: string;
  /** What the list says of its GGUF files. */
  architecture?: string;
  /** The list says names only, as some mirrors' do. */
  bare?: boolean;
}

export interface Asked {
  readonly at: 'hub' | 'cdn';
  readonly method: string;
  readonly url: string;
  readonly range?: string;
  readonly ifRange?: string;
  readonly authorization?: string;
}

export interface FakeHub {
  /** Without a slash at the end, as HF_ENDPOINT has it. */
  readonly url: string;
  readonly repositories: Record<string, FakeRepository>;
  readonly asked: Asked[];
  /** Answers of the storage by a file's name, in place of its content. */
  readonly cdn: Record<string, Answer>;
  /** Any answer of the hub by its path. */
  readonly answers: Record<string, Answer>;
  /** What the hub and its storage were asked for: 'hub GET /api/…'. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

export const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
export const gitBlob = (content: Buffer) =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/** Speaks the hub's protocol, with a storage on another port to which large files are redirected. */
export async function fakeHub(repositories: Record<string, FakeRepository>): Promise<FakeHub> {
  const asked: Asked[] = [];
  const cdn: FakeHub['cdn'] = {};
  const answers: FakeHub['answers'] = {};
  const note = (at: Asked['at'], { method = '', url = '', headers }: IncomingMessage) => {
    const { range, authorization } = headers;
    asked.push({ at, method, url, range, ifRange: headers['if-range'] as string | undefined, authorization });
  };
  const storage = await listen((request, response) => {
    note('cdn', request);
    const [, name = '', sum] = /^\/([^?]+)\?(\w+)$/.exec(request.url ?? '') ?? [];
    const file = Object.values(repositories)
      .flatMap(({ files }) => Object.values(files))
      .find((content) => sha256(content) === sum);
    const answer = cdn[decodeURIComponent(name)];
    if (answer) answer(request, response);
    else if (file) serveTagged(file, `"${sum}"`)(request, response);
    else response.writeHead(404).end();
  });
  const storageUrl = urlOf(storage);
  const hub = await listen((request, response) => {
    note('hub', request);
    const answer = answers[request.url ?? ''];
    if (answer) answer(request, response);
    else answerHub(repositories, storageUrl, request, response);
  });
  return {
    url: urlOf(hub),
    repositories,
    asked,
    cdn,
    answers,
    get log() {
      return asked.map(({ at, method, url }) => `${at} ${method} ${url}`);
    },
    async close() {
      for (const server of [hub, storage]) {
        const closed = once(server.close(), 'close');
        server.closeAllConnections();
        await closed;
      }
    },
  };
}

function answerHub(
  repositories: Record<string, FakeRepository>,
  storage: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = new URL(request.url ?? '', 'http://hub').pathname;
  const [, named, revision] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path) ?? [];
  const refuse = (status: number, code: string) => response.writeHead(status, { 'x-error-code': code }).end();
  if (named !== undefined) {
    const repository = repositories[named];
    if (!repository) return void refuse(request.headers.authorization ? 404 : 401, 'RepoNotFound');
    const known = ['main', repository.commit, repository.commit.slice(0, 7)];
    if (!known.includes(decodeURIComponent(revision))) return void refuse(404, 'RevisionNotFound');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(listing(named, repository)));
    return;
  }
  const [, owner = '', commit, name = ''] = /^\/([^/]+\/[^/]+)\/resolve\/(\w+)\/(.+)$/.exec(path) ?? [];
  const repository = repositories[owner];
  const content = repository?.files[decodeURIComponent(name)];
  if (!repository || commit !== repository.commit || !content) return void refuse(404, 'EntryNotFound');
  if (repository.gatedFor && request.headers.authorization !== `Bearer ${repository.gatedFor}`) {
    return void refuse(request.headers.authorization ? 403 : 401, 'GatedRepo');
  }
  const headers = { 'x-repo-commit': commit };
  if (!isLarge(name)) {
    serveTagged(content, `"${gitBlob(content)}"`, headers)(request, response);
    return;
  }
  const linked = { 'x-linked-etag': `"${sha256(content)}"`, 'x-linked-size': String(content.length) };
  const location = `${storage}/${name}?${sha256(content)}`;
  response.writeHead(302, { ...headers, ...linked, location, 'content-length': 0 }).end();
}

const isLarge = (name: string) => /\.(safetensors|gguf)$/.test(name);

function listing(id: string, { commit, files, listed = [], bare, architecture }: FakeRepository) {
  const facts = (name: string, content: Buffer) => {
    if (bare) return {};
    const lfs = { sha256: sha256(content), size: content.length, pointerSize: 134 };
    return { size: content.length, blobId: gitBlob(content), ...(isLarge(name) && { lfs }) };
  };
  const siblings = [
    ...Object.entries(files).map(([rfilename, content]) => ({ rfilename, ...facts(rfilename, content) })),
    ...listed.map((rfilename) => ({ rfilename, ...facts(rfilename, Buffer.alloc(1)) })),
  ];
  const gguf = architecture === undefined ? {} : { gguf: { architecture, total: 1 } };
  return { id, sha: commit, private: false, gated: false, siblings, ...gguf };
}

/** As `serve`, whole where the version is another one than If-Range names. */
export function serveTagged(content: Buffer, etag: string, headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    const ifRange = request.headers['if-range'];
    if (ifRange !== undefined && ifRange !== etag) delete request.headers.range;
    serve(content, { etag, ...headers })(request, response);
  };
}

async function listen(answer: Answer): Promise<Server> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
