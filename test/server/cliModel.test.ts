import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packageRoot } from '../../server/paths.ts';
import { type FakeHub, fakeHub, sha256 } from '../support/hub.ts';
import { cacheModel } from '../support/hubCache.ts';
import { builtCommandLine } from '../support/programs.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('palate model', () => {
  const temporary = temporaryFolder();
  const golden = join(packageRoot(), 'test', 'support', 'golden');
  const commit = 'c0ffee'.padEnd(40, '0');
  let hub: FakeHub;
  let home = '';
  let homes = 0;
  beforeEach(async () => {
    home = join(temporary.path, `home-${++homes}`);
    hub = await fakeHub({
      'org/tied': { commit, files: filesOf('tied') },
      'org/sharded': { commit, files: filesOf('untied') },
      'org/private': { commit, files: filesOf('tied'), gatedFor: 'hf_x' },
      'org/other': { commit, files: { ...filesOf('tied'), 'config.json': Buffer.from('{"model_type":"bert"}') } },
    });
  });
  afterEach(() => hub.close());

  function filesOf(name: string): Record<string, Buffer> {
    const entries = readdirSync(join(golden, name), { withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(entries.map((entry) => [entry.name, readFileSync(join(golden, name, entry.name))]));
  }

  function start(...words: string[]): ChildProcess {
    const { HF_TOKEN: _, ...inherited } = process.env;
    const own = { PALATE_HOME: home, HF_HOME: join(home, 'hf'), HF_ENDPOINT: hub.url, HF_HUB_CACHE: undefined };
    const env = { ...inherited, ...own, npm_lifecycle_event: undefined };
    return spawn(process.execPath, [builtCommandLine(), ...words], {
      cwd: temporary.path,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
  async function run(...words: string[]) {
    const child = start(...words);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close'),
    ]);
    return { code, stdout, stderr };
  }
  const list = async () =>
    (await run('model', 'list', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('add: a path is checked and remembered under a name, which stands for it after --model', async () => {
    const path = join(temporary.path, 'tiny one');
    cpSync(join(golden, 'tied'), path, { recursive: true });
    const { code, stdout, stderr } = await run('model', 'add', 'tiny one', '--json');
    assert.equal(code, 0, stderr);
    const { seconds, ...model } = JSON.parse(stdout);
    const expected = { name: 'tiny-one', path, source: 'added', format: 'huggingface', family: 'llama' };
    const { parameters, bytes, ...rest } = model;
    assert.deepEqual([rest, parameters, bytes > 0, seconds > 0], [expected, 17_568, true, true]);
    assert.match((await run('model', 'add', path)).stdout, /"model": "tiny-one" in palate\.json uses it\./);
    const rows = temporary.write('rows.jsonl', '{"prompt":"p"}\n');
    const generated = await run('generate', '--model', 'tiny-one', '--greedy', '--max-new-tokens', '2', '--json', rows);
    assert.equal(generated.code, 0, generated.stderr);
    assert.match(generated.stdout, /"rows":1,"answers":1/);
    assert.deepEqual(hub.asked, []);
  });

  it('add: downloads a model, which then has a name everywhere; list and remove', async () => {
    const { code, stdout, stderr } = await run('model', 'add', 'org/sharded');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^✓ org\/sharded {2}llama, .* million weights, .* MB, downloaded\n/);
    assert.match(stderr, /Downloading org\/sharded: done/);
    const before = hub.asked.length;
    assert.equal((await run('model', 'add', 'org/sharded')).code, 0);
    assert.equal(hub.asked.length, before, 'what is there is not asked for');
    const listed = await list();
    assert.deepEqual(
      listed.map(({ name, source, problem }) => [name, source, problem]),
      [
        ['embedded', 'embedded', undefined],
        ['org/sharded', 'downloaded', undefined],
      ],
    );
    const rows = temporary.write('texts.jsonl', '{"text":"a text"}\n');
    const evaluated = await run('evaluate', '--model', 'org/sharded', '--json', rows);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    const removed = await run('model', 'remove', 'org/sharded');
    assert.match(removed.stdout, /^org\/sharded is deleted from .*org--sharded/);
    assert.equal((await list()).length, 1);
    assert.ok(!existsSync(join(home, 'models', 'hub', 'org--sharded')));
  });

  it('add: what lies in the Hugging Face cache is used there, without a request', async () => {
    const snapshot = cacheModel(join(home, 'hf', 'hub'), 'org/tied', commit, filesOf('tied'));
    const { code, stdout, stderr } = await run('model', 'add', 'org/tied', '--json');
    assert.equal(code, 0, stderr);
    const { name, source, path, problem } = JSON.parse(stdout);
    assert.deepEqual([name, source, path, problem], ['org/tied', 'cache', snapshot, undefined]);
    assert.deepEqual(hub.asked, []);
    const refused = await run('model', 'remove', 'org/tied');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^org\/tied lies in the cache that the hub's other tools share: delete /);
    assert.ok(existsSync(join(snapshot, 'model.safetensors')));
  });

  it('add: Ctrl+C keeps what has come, and the same command goes on', async () => {
    const weights = filesOf('tied')['model.safetensors'];
    hub.cdn['model.safetensors'] = (_, response) => {
      response.writeHead(200, { 'content-length': weights.length, etag: `"${sha256(weights)}"` });
      response.write(weights.subarray(0, 5000));
    };
    const child = start('model', 'add', 'org/tied', '--json');
    const ended = Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
    const part = join(home, 'models', 'hub', 'org--tied', `${commit.slice(0, 12)}.part`);
    const arrived = () =>
      existsSync(part) && readdirSync(part).some((name) => /^model\.safetensors\.\d+\.part$/.test(name));
    while (!arrived()) await new Promise(setImmediate);
    child.kill('SIGINT');
    const [stdout, stderr, [code]] = await ended;
    assert.deepEqual([code, stdout], [130, ''], stderr);
    assert.match(stderr, /Stopped\. What has come is kept: the same command goes on\./);
    const [, partial] = await list();
    assert.match(partial.problem, /^Only .* of .* were downloaded: add it again to go on\.$/);
    delete hub.cdn['model.safetensors'];
    assert.equal((await run('model', 'add', 'org/tied')).code, 0);
  });

  it('add: a process that is killed in the middle leaves what the next one goes on with', async () => {
    const weights = filesOf('tied')['model.safetensors'];
    let sent: () => void = () => {};
    const some = new Promise<void>((resolve) => {
      sent = resolve;
    });
    hub.cdn['model.safetensors'] = (_, response) => {
      response.writeHead(200, { 'content-length': weights.length, etag: `"${sha256(weights)}"` });
      response.write(weights.subarray(0, 5000), () => sent());
    };
    const child = start('model', 'add', 'org/tied');
    await some;
    const folder = join(home, 'models', 'hub', 'org--tied', `${commit.slice(0, 12)}.part`);
    const part = () => readdirSync(folder).find((name) => /^model\.safetensors\.\d+\.part$/.test(name));
    while (!part() || readFileSync(join(folder, part()!)).length < 5000) await new Promise(setImmediate);
    child.kill('SIGKILL');
    await once(child, 'close');
    delete hub.cdn['model.safetensors'];
    const { code, stderr } = await run('model', 'add', 'org/tied');
    assert.equal(code, 0, stderr);
    assert.equal(hub.asked.at(-1)?.range, 'bytes=5000-');
  });

  const refusals: [string[], RegExp][] = [
    [['model', 'add', 'nowhere'], /^There is no .*nowhere, and a model of the hub is written org\/name/],
    [['model', 'add', 'org/absent'], /has no model org\/absent: check the name/],
    [['model', 'add', 'org/private'], /^org\/private is gated: accept its conditions/],
    [['model', 'add', 'org/other'], /config\.json: model_type is "bert"; Palate reads/],
    [['model', 'add', 'org/tied', '--name', 'x'], /^org\/tied is called so everywhere/],
    [['model', 'remove', 'nothing'], /^There is no model "nothing": `palate model list` shows/],
    [['model', 'remove', 'embedded'], /^The embedded model belongs to Palate/],
    [
      ['generate', '--model', 'org/tied', 'x.jsonl'],
      /^--model org\/tied: there is neither .* `palate model add org\/tied`/,
    ],
    [['model'], /^palate model needs a second word: model add, model list, model remove, model export\./],
  ];
  for (const [words, sentence] of refusals) {
    it(`refuses ${words.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(...words);
      assert.match(stderr.trim().split('\n').at(-1) ?? '', sentence);
      assert.deepEqual([code, stdout], [1, '']);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
  }

  it('add: refuses a pickle and a folder without a model, and remembers neither', async () => {
    temporary.write('pytorch_model.bin', 'x');
    assert.match((await run('model', 'add', 'pytorch_model.bin')).stderr, /is a Python pickle/);
    assert.match((await run('model', 'add', '.')).stderr, /pytorch_model\.bin is a Python pickle/);
    assert.equal((await list()).length, 1);
  });
});
