import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { cudaProvider, ownLibrary, providerFiles } from '../../server/cuda/home.ts';
import { onnxruntimeLibraries, onnxruntimePackage } from '../../server/devices/onnxruntime.ts';
import { packageRoot } from '../../server/paths.ts';
import { platformName } from '../../server/tensorflow/home.ts';
import { type CudaFeed, type CudaFeedOptions, cudaFeed, cudaPackage, providerContent } from '../support/cudaFeed.ts';
import { type Answer, breakOff, serve } from '../support/fileServer.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('palate install-cuda', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  const program = join(packageRoot(), 'out', 'server', 'cli.js');
  const { version } = onnxruntimePackage();
  let feed: CudaFeed | undefined;
  let home: string;
  let homes = 0;

  before(function () {
    if (platformName() !== 'linux-x64') skip(this, 'onnxruntime-node has CUDA on Linux x64 alone');
  });
  beforeEach(() => {
    home = join(temporary.path, `home-${++homes}`);
  });
  afterEach(() => close());

  async function close(): Promise<void> {
    await feed?.close();
    feed = undefined;
  }

  async function open(options?: CudaFeedOptions): Promise<CudaFeed> {
    await close();
    feed = await cudaFeed(options);
    return feed;
  }

  function start(words: readonly string[]): ChildProcess {
    return spawn(process.execPath, [program, 'install-cuda', ...words], {
      env: { ...process.env, PALATE_HOME: home, PALATE_NUGET_INDEX: feed!.index },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function run(...words: string[]) {
    const child = start(words);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close'),
    ]);
    return { code, stdout, stderr };
  }

  const place = () => join(home, 'cuda', `onnxruntime-${version}-linux-x64`);
  /** Everything below the folder of CUDA but what is downloaded. */
  const left = () => (existsSync(join(home, 'cuda')) ? readdirSync(join(home, 'cuda')) : []);
  const parts = () => (existsSync(join(home, 'cuda', 'downloads')) ? readdirSync(join(home, 'cuda', 'downloads')) : []);

  it('says how much would come from where and to where, and downloads nothing unasked', async () => {
    const { downloads, url } = await open();
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, new RegExp(`CUDA provider ${version.replaceAll('.', '\\.')}.*: 0 MB are downloaded from `));
    assert.ok(stderr.includes(new URL(url).host) && stderr.includes(place()), stderr);
    assert.match(stderr, /Nothing was downloaded: add --yes/);
    assert.deepEqual([downloads(), left()], [[], []]);
  });

  it('asks on a terminal, and takes Ctrl+C, the end of the input and everything but yes for no', async function () {
    const { downloads, index } = await open();
    const words = `${process.execPath} ${program} install-cuda`;
    for (const [answer, expected] of [
      ['n\n', 1],
      ['\n', 1],
      ['\u0004', 1],
      ['\u0003', 130],
      ['y\n', 0],
    ] as const) {
      assert.deepEqual(downloads(), []);
      const env = { ...process.env, PALATE_HOME: home, PALATE_NUGET_INDEX: index };
      const child = spawn('script', ['-qec', words, '/dev/null'], { env });
      const failed = new Promise<Error>((resolve) => child.on('error', resolve));
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (part) => {
        if (!said.includes('[y/N]') && `${said}${part}`.includes('[y/N]')) child.stdin.write(answer);
        said += part;
      });
      const ended = await Promise.race([once(child, 'close'), failed]);
      if (ended instanceof Error)
        skip(this, "there is no `script`, which makes a terminal; Debian's bsdutils brings it");
      assert.deepEqual([ended[0], /Nothing was downloaded/.test(said)], [expected, expected !== 0], said);
      assert.doesNotMatch(said, /Error|\n +at /);
    }
    assert.equal(downloads().length, 1);
  });

  it("lays the provider beside onnxruntime's library, which the trial then loads from there", async () => {
    const { requests, downloads } = await open();
    const first = await run('--yes', '--json');
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(readdirSync(place()).sort(), ['installed.json', ownLibrary, ...providerFiles].sort());
    for (const name of providerFiles) assert.deepEqual(readFileSync(join(place(), name)), providerContent(name));
    const own = readFileSync(join(onnxruntimeLibraries(), ownLibrary));
    assert.ok(readFileSync(join(place(), ownLibrary)).equals(own));
    assert.deepEqual([parts(), left().filter((name) => name.startsWith('.'))], [[], []]);
    const { seconds, reason, ...result } = JSON.parse(first.stdout);
    assert.deepEqual(result, { status: 'installed', version, folder: place(), works: false });
    assert.ok(seconds > 0);
    // The loader's own words, of a file that can only be found where it was installed.
    assert.ok(reason.startsWith(join(place(), 'libonnxruntime_providers_')), reason);
    assert.match(reason, /invalid ELF header/);

    const asked = requests.length;
    const second = await run();
    assert.equal(second.code, 0, second.stderr);
    assert.match(
      second.stdout,
      /^Installed already: .*\n.*does not compute here yet; its own words: .*invalid ELF header/,
    );
    assert.match(
      second.stdout,
      /needs NVIDIA's driver, and the libraries of CUDA 12 and cuDNN 9 .*run the same command/,
    );
    assert.deepEqual([requests.length, downloads().length], [asked, 1]);
  });

  it('installs again what is not whole any more', async () => {
    await open();
    await run('--yes');
    truncateSync(join(place(), cudaProvider), 10);
    const { code, stdout } = await run('--yes', '--json');
    assert.deepEqual([code, JSON.parse(stdout).status], [0, 'installed']);
    assert.deepEqual(readFileSync(join(place(), cudaProvider)), providerContent(cudaProvider));
  });

  it('goes on where a download was cut off', async () => {
    const content = cudaPackage();
    await open({ content, answer: breakOff(content, 100_000) });
    const cut = await run('--yes');
    assert.deepEqual([cut.code, cut.stdout], [1, '']);
    assert.match(cut.stderr, /broke off after \d+ of \d+ bytes: run the same command again, it goes on/);
    assert.equal(parts().filter((name) => name.endsWith('.part')).length, 1);
    assert.deepEqual(left(), ['downloads']);
    const { downloads } = await open({ content });
    const { code, stderr } = await run('--yes');
    assert.equal(code, 0, stderr);
    assert.match(downloads()[0], /\.nupkg bytes=[1-9]\d*-$/);
  });

  it('refuses and removes what has another checksum than the feed states', async () => {
    await open({ stated: { hash: Buffer.alloc(64, 7).toString('base64') } });
    const { code, stderr } = await run('--yes');
    assert.equal(code, 1);
    assert.match(stderr, /arrived damaged \(its SHA-512 is not the one the server states\)/);
    assert.deepEqual([left(), parts()], [['downloads'], []]);
  });

  it('refuses another version, another size, and a package without the provider', async () => {
    await open({ stated: { version: '1.2.3' } });
    assert.match((await run('--yes')).stderr, /tells of Microsoft\S+ 1\.2\.3, but \S+ [\d.]+ is needed: nothing was/);
    await open({ version: '1.2.3' });
    assert.match((await run('--yes')).stderr, /answered 404 Not Found: the feed has no Microsoft\S+ [\d.]+/);
    await open({ stated: { bytes: 5 } });
    assert.match((await run('--yes')).stderr, /has \d+ bytes instead of the 5 that were announced/);
    await open({ content: cudaPackage([cudaProvider]) });
    assert.match((await run('--yes')).stderr, /holds no libonnxruntime_providers_shared\.so/);
    await open({ content: Buffer.from('no zip archive at all') });
    assert.match((await run('--yes')).stderr, /is broken \(.*\): get it again\./);
    assert.deepEqual([left(), parts()], [['downloads'], []]);
  });

  it('Ctrl+C keeps what has come and installs nothing', async () => {
    const content = cudaPackage();
    const halfThenSilent: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 500), () => child.kill('SIGINT'));
    };
    await open({ content, answer: halfThenSilent });
    const child = start(['--yes']);
    const closed = once(child, 'close');
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), closed]);
    assert.deepEqual([code, stdout], [130, ''], stderr);
    assert.match(stderr, /Stopping …\n(.*\n)*.*nothing was installed/);
    assert.deepEqual(left(), ['downloads']);
    await open({ content, answer: serve(content) });
    assert.equal((await run('--yes')).code, 0);
  });
});
