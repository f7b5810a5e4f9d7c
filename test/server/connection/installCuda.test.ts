import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cudaFolder, cudaProblem, ownLibrary } from '../../../server/cuda/home.ts';
import { onnxruntimePackage } from '../../../server/devices/onnxruntime.ts';
import { type CudaFeed, cudaFeed, cudaPackage } from '../../support/cudaFeed.ts';
import type { Answer } from '../../support/fileServer.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the installation of CUDA support from an editor', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  let feed: CudaFeed | undefined;
  let server: ServerClient | undefined;
  let homes = 0;

  before(function () {
    if (cudaProblem() !== undefined) skip(this, 'onnxruntime-node has CUDA on Linux x64 alone');
  });
  afterEach(async () => {
    await server?.close();
    await feed?.close();
    [server, feed] = [undefined, undefined];
  });

  async function start(answer?: Answer, settings = {}) {
    feed = await cudaFeed({ answer });
    const home = join(temporary.path, `home-${++homes}`);
    const env = { ...process.env, PALATE_HOME: home, PALATE_NUGET_INDEX: feed.index };
    server = await startServer({ program: builtServer(), env, settings });
    return { server, feed, folder: cudaFolder(home) };
  }

  it('says what would come, downloads it as a job, says what the trial showed; engines load onnxruntime from there', async () => {
    const { server, feed, folder } = await start();
    const { version } = onnxruntimePackage();
    const offer = { version, host: new URL(feed.url).host, bytes: cudaPackage().length, folder };
    assert.deepEqual(await server.call('cudaState', {}), { kind: 'offered', offer });
    assert.deepEqual(feed.downloads(), []);

    const loads = async () => {
      const { checks } = await server.call('doctor', {});
      const [, pid] = /process (\d+)/.exec(checks.find(({ name }) => name === 'Engine')?.message ?? '') ?? [];
      return { checks, fromThere: readFileSync(`/proc/${pid}/maps`, 'utf8').includes(join(folder, ownLibrary)) };
    };
    assert.equal((await loads()).fromThere, false);

    const begun = await server.call('installCuda', {});
    assert.equal(begun.kind, 'download');
    const job = await server.jobEnds(begun);
    assert.equal(job.status, 'done', job.failure);
    assert.ok(job.summary?.startsWith(`CUDA's provider is in ${folder}. It does not compute here yet`), job.summary);
    assert.match(job.summary ?? '', /invalid ELF header.*NVIDIA's driver/);
    assert.deepEqual(await server.call('cudaState', {}), { kind: 'installed', folder });

    // The engine that was there before is replaced.
    const { checks, fromThere } = await loads();
    assert.ok(fromThere);
    const device = checks.find(({ name }) => name === 'CUDA');
    assert.match(device?.message ?? '', /does not work here: .*invalid ELF header/);
  });

  it('goes on beside everything else, is not begun twice, and is stopped as every job', async () => {
    const content = cudaPackage();
    const { server } = await start((_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 500));
    });
    const { id } = await server.call('installCuda', {});
    await server.tells('jobChanged', ({ job }) => job.id === id && job.progress?.what === 'downloading');
    assert.equal((await server.call('installCuda', {})).id, id);
    assert.deepEqual(await server.call('stopJob', { job: id }), { stopping: true });
    const { job } = await server.tells('jobChanged', ({ job }) => job.id === id && job.status === 'stopped');
    assert.match(job.summary ?? '', /what has come is kept/);
    assert.equal((await server.call('cudaState', {})).kind, 'offered');
  });

  it('is refused in a workspace that is not trusted', async () => {
    const { server, feed } = await start(undefined, { trusted: false });
    await assert.rejects(server.call('cudaState', {}), /workspace is not trusted/);
    await assert.rejects(server.call('installCuda', {}), /workspace is not trusted/);
    assert.deepEqual(feed.requests, []);
  });
});
