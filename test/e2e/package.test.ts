import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fakeCompiler, libtensorflowFiles, wheelOf } from '../support/fakeTensorflow.ts';
import { packagedExtension } from '../support/packaged.ts';
import { startServer } from '../support/serverClient.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { unzip } from '../support/unzip.ts';

describe('the packaged extension', () => {
  const folder = temporaryFolder();
  let vsix: string;
  let names: string[];
  let extension: string;

  before(async () => {
    vsix = await packagedExtension();
    // Outside the repository: its node_modules are out of reach.
    names = await unzip(vsix, folder.path);
    extension = join(folder.path, 'extension');
  });

  /** Runs the unpacked command line; answers its rows. */
  function palate(...words: string[]): Record<string, unknown>[] {
    const program = join(extension, 'out', 'server', 'cli.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words, '--json'], {
      cwd: folder.path,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('is at most 45 MB', () => {
    const megabytes = statSync(vsix).size / 1e6;
    assert.ok(megabytes <= 45, `${megabytes} MB`);
  });

  it('holds no sources of ours, no tests, no maps and nothing of another platform', () => {
    const own = names.filter((name) => !name.includes('/node_modules/'));
    assert.deepEqual(
      own.filter((name) => /\.ts$|\.map$|^extension\/(test|out\/test|out\/scripts|docs|\.palate|\.ci)\//.test(name)),
      [],
    );
    assert.deepEqual(
      names.filter((name) => name.endsWith('.map')),
      [],
    );
    const others = ['darwin', 'linux', 'win32'].filter((name) => name !== process.platform);
    assert.deepEqual(
      names.filter((name) => others.some((other) => name.includes(`/${other}/`) || name.includes(`-${other}-`))),
      [],
    );
  });

  it('holds every file that its manifest names', () => {
    const manifest = JSON.parse(readFileSync(join(extension, 'package.json'), 'utf8'));
    const named = new Set<string>();
    collectPaths(manifest, named);
    assert.ok(named.has('out/client/extension.cjs'));
    assert.deepEqual(
      // What tells VS Code to look for files, not a file of ours.
      [...named].filter((name) => name !== 'palate.json' && !existsSync(join(extension, name))),
      [],
    );
  });

  it('carries the licences of what is bundled', () => {
    const text = readFileSync(join(extension, 'THIRD-PARTY.md'), 'utf8');
    for (const name of ['valibot', 'protobufjs', '@huggingface/tokenizers'])
      assert.match(text, new RegExp(`## ${name} `));
    assert.ok(existsSync(join(extension, 'out/node_modules/sharp/LICENSE')));
  });

  it('generates, trains and scores on its own model', () => {
    const model = join(extension, 'models', 'tiny');
    const prompts = folder.write('prompts.jsonl', '{"prompt":"Review of the old bakery:"}\n');
    const [answer] = palate('generate', '--model', model, '--max-new-tokens', '8', prompts);
    assert.equal(typeof answer.text, 'string');

    const pairs = ['bakery', 'inn', 'farm'].map((place) => ({
      prompt: `Review of the old ${place}:`,
      chosen: ' The cook was lovely.',
      rejected: ' The cook was awful.',
    }));
    const data = folder.write('pairs.jsonl', pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
    const run = join(folder.path, 'run');
    palate('train', '--stage', 'reward', '--model', model, '--data', data, '--out', run);
    const [first] = palate('score', '--model', model, '--adapter', join(run, 'reward'), data);
    assert.ok((first.chosen as number) > (first.rejected as number), JSON.stringify(first));
  });

  it('serves an editor: makes the example, shows a picture of each format, trains and scores', async () => {
    const server = await startServer({ program: join(extension, 'out', 'server', 'main.js') });
    try {
      const project = join(folder.path, 'example');
      await server.call('createExample', { folder: project });
      const annotator = 'ada';
      const { comparisons } = await server.call('nextComparisons', { project, annotator, count: 50, held: [] });
      const pictures = comparisons
        .flatMap(({ shown }) => shown.flatMap(({ parts }) => parts))
        .flatMap((part) => (part.type === 'image' ? [part.path] : []));
      for (const format of ['png', 'jpg', 'webp', 'gif', 'avif']) {
        const path = pictures.find((name) => name.endsWith(format)) ?? assert.fail(format);
        const { width, height } = await server.call('prepareImage', { project, path });
        assert.deepEqual({ width, height }, { width: 360, height: 240 });
      }
      for (const { id, shown } of comparisons.filter(({ modality }) => modality === 'text').slice(0, 8)) {
        const [a, b] = [shown[0].id, shown[1].id];
        const decision = { choice: a, strength: 1, scale: 4, aspects: {}, comment: '', ms: 1000 };
        await server.call('decide', { project, annotator, decision: { comparison: id, shown: [a, b], ...decision } });
      }
      const job = await server.jobEnds(await server.call('train', { project, stage: 'reward' }));
      assert.equal(job.status, 'done', job.failure);
      const { reward } = await server.call('scoreText', { project, text: 'The cook was lovely.' });
      assert.ok(Number.isFinite(reward));
    } finally {
      await server.close();
    }
  });

  it('finds what the set-up of TensorFlow compiles', () => {
    const modules = join(extension, 'out', 'node_modules');
    for (const name of ['@tensorflow/tfjs-node/binding/tfjs_backend.cc', 'node-api-headers/include/node_api.h']) {
      assert.ok(existsSync(join(modules, name)), name);
    }
  });

  it('sets up TensorFlow in a process of its own: unpacks, compiles its own sources, and checks', async function () {
    if (process.platform === 'win32') skip(this, 'the stand-in for a compiler is a shell script');
    const wheel = folder.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    const readable = 'for word in $given; do case $word in *.cc) [ -f $word ] || exit 3 ;; esac; done';
    const CXX = fakeCompiler(join(folder.path, 'cxx'), `${readable}\necho binding > "$out"`);
    const env = { ...process.env, PALATE_HOME: join(folder.path, 'home'), CXX };
    const server = await startServer({ program: join(extension, 'out', 'server', 'main.js'), env });
    try {
      const setUp = server.call('setUpTensorflow', { from: wheel });
      // What the stand-in makes is no binding, which the check sees.
      await assert.rejects(setUp, /tfjs_binding\.node does not work \(exit code 1: /);
      await server.tells('tensorflowSetup', ({ stage }) => stage === 'check');
    } finally {
      await server.close();
    }
  });
});

/** Strings that are paths of files or of folders that begin with './'. */
function collectPaths(value: unknown, found: Set<string>): void {
  if (typeof value === 'string') {
    const isPath = /^\.\/\S+$/.test(value) || /^[\w-]+(\/[\w.-]+)*\.(json|md|svg|png|c?js|mjs)$/.test(value);
    if (isPath) found.add(value.replace(/^\.\//, ''));
  } else if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) collectPaths(child, found);
  }
}
