import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference } from '../../server/hub/reference.ts';
import { type DownloadOptions, downloadModel } from '../../server/library/download.ts';
import { packageRoot } from '../../server/paths.ts';
import type { Answer } from './fileServer.ts';
import { type Asked, type FakeHub, type FakeRepository, fakeHub, sha256 } from './hub.ts';
import { temporaryFolder } from './temporary.ts';

export const commit = 'c0ffee'.padEnd(40, '0');
export const laterCommit = 'decade'.padEnd(40, '0');
/** What is downloaded of the repository that the suite's hub holds. */
export const folderFiles = () => ({
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': Buffer.from('{"version":"1.0"}'),
  'tokenizer_config.json': Buffer.from('{}'),
  'model.safetensors': Buffer.alloc(300_000, 'weights '),
});
const others = {
  'README.md': Buffer.from('# read me'),
  'pytorch_model.bin': Buffer.from('a pickle'),
  'onnx/model.onnx': Buffer.alloc(1000),
};

/** A hub with the repository org/name and a person's folder, both new for each test. Inside `describe`. */
export function hubSuite() {
  const temporary = temporaryFolder();
  const checks: string[] = [];
  const progress: [number, number][] = [];
  let hub: FakeHub | undefined;
  let homes = 0;
  beforeEach(() => {
    suite.home = join(temporary.path, `home-${++homes}`);
  });
  afterEach(async () => {
    await hub?.close();
    hub = undefined;
  });
  const suite = {
    temporary,
    home: '',
    /** Of the last download: what was checked, and how far it was said to be. */
    checks,
    progress,
    get hub(): FakeHub {
      return hub as FakeHub;
    },
    async open(repository: Partial<FakeRepository> = {}): Promise<void> {
      hub = await fakeHub({ 'org/name': { commit, files: { ...others, ...folderFiles() }, ...repository } });
    },
    /** The hub can no longer be reached. */
    async closeHub(): Promise<void> {
      await hub?.close();
      const { url } = suite.hub;
      hub = { ...suite.hub, url, close: async () => {} };
    },
    get(text: string, env: Record<string, string> = {}, options: Partial<DownloadOptions> = {}): Promise<string> {
      checks.length = 0;
      progress.length = 0;
      return downloadModel(parseReference(text)!, {
        signal: new AbortController().signal,
        home: suite.home,
        env: { HF_ENDPOINT: suite.hub.url, HF_HOME: join(temporary.path, 'no-hub'), ...env },
        progress: (done, total) => void progress.push([done, total]),
        check: (path, what) => void checks.push(`${what} ${path.slice(suite.home.length + 1)}`),
        ...options,
      });
    },
    /** Downloads until `bytes` of all files have come, then stops as Ctrl+C does. */
    async stopAfter(bytes: number): Promise<void> {
      const controller = new AbortController();
      const stopped = suite.get(
        'org/name',
        {},
        { signal: controller.signal, progress: (done) => done >= bytes && controller.abort() },
      );
      await assert.rejects(stopped, { name: 'AbortError' });
    },
    repositoryFolder: () => join(suite.home, 'models', 'hub', 'org--name'),
    staging: () => join(suite.repositoryFolder(), `${commit.slice(0, 12)}.part`),
    /** What the storage was asked for of one file. */
    asked: (name: string): Asked[] =>
      suite.hub.asked.filter(({ at, url }) => at === 'cdn' && url.startsWith(`/${name}`)),
  };
  return suite;
}

/** Sends the first bytes, and then nothing any more. */
export function stall(content: Buffer, bytes: number): Answer {
  return (_, response) => {
    const headers = { 'content-length': content.length, etag: `"${sha256(content)}"` };
    response.writeHead(200, headers).write(content.subarray(0, bytes));
  };
}

/** A hub with a small real model as org/name, and an environment of its own that names it. Inside `describe`, first. */
export function realModelHub() {
  const temporary = temporaryFolder();
  const env: Record<string, string> = {};
  let hub: FakeHub | undefined;
  before(async () => {
    const names = readdirSync(goldenModel, { withFileTypes: true }).filter((entry) => entry.isFile());
    const files = Object.fromEntries(names.map(({ name }) => [name, readFileSync(join(goldenModel, name))]));
    hub = await fakeHub({ 'org/name': { commit, files } });
    const folder = (name: string) => join(temporary.path, name);
    Object.assign(env, {
      HF_ENDPOINT: hub.url,
      HF_HOME: folder('hf'),
      HF_HUB_CACHE: folder('hf/hub'),
      HF_TOKEN_PATH: folder('hf/token'),
      PALATE_HOME: folder('home'),
    });
  });
  after(() => hub?.close());
  return {
    temporary,
    env,
    get hub(): FakeHub {
      return hub as FakeHub;
    },
  };
}

/** 17,568 weights. */
export const goldenModel = join(packageRoot(), 'test', 'support', 'golden', 'tied');
