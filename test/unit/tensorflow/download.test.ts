import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { download } from '../../../server/tensorflow/download.ts';
import { recordedWork } from '../../support/fakeTensorflow.ts';
import { type Answer, breakOff, type FileServer, fileServer, serve } from '../../support/fileServer.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('download', () => {
  const temporary = temporaryFolder();
  const content = Buffer.alloc(300_000, 'libtensorflow ');
  const md5 = createHash('md5').update(content).digest('base64');
  let server: FileServer | undefined;
  let folders = 0;
  const newFolder = () => join(temporary.path, String(++folders));

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  async function open(answer?: Answer): Promise<string> {
    server = await fileServer(answer ? { '/files/a.tar.gz?x=1': answer } : {});
    return `${server.url}files/a.tar.gz?x=1`;
  }

  it('a file, under its name, and tells how far it is', async () => {
    const url = await open(serve(content, { 'x-goog-hash': `crc32c=AAAAAA==, md5=${md5}` }));
    const folder = newFolder();
    const work = recordedWork();
    const file = await download(url, folder, work);
    assert.equal(file, join(folder, 'a.tar.gz'));
    assert.ok(readFileSync(file).equals(content));
    assert.deepEqual(readdirSync(folder), ['a.tar.gz']);
    assert.deepEqual(work.stages, ['download']);
    assert.deepEqual(work.sizes.at(-1), [content.length, content.length]);
  });

  it('not again what is there whole', async () => {
    const url = await open(serve(content));
    const folder = newFolder();
    await download(url, folder, recordedWork());
    await download(url, folder, recordedWork());
    assert.equal(server?.requests.length, 1);
  });

  it('goes on where it broke off', async () => {
    const folder = newFolder();
    await assert.rejects(
      download(await open(breakOff(content, 100_000)), folder, recordedWork()),
      /broke off after \d+ of 300000 bytes: run the same command again, it goes on/,
    );
    await server?.close();
    const part = readFileSync(join(folder, 'a.tar.gz.part'));
    assert.ok(part.length > 0 && part.equals(content.subarray(0, part.length)));

    const work = recordedWork();
    const file = await download(await open(serve(content, { 'x-goog-hash': `md5=${md5}` })), folder, work);
    assert.ok(readFileSync(file).equals(content));
    assert.deepEqual(server?.requests, [`/files/a.tar.gz?x=1 bytes=${part.length}-`]);
    assert.ok(work.sizes[0][0] > part.length);
    assert.deepEqual(work.sizes.at(-1), [content.length, content.length]);
  });

  it('goes on with what a process that was killed left, not with what another is at work on', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const dead = 2 ** 22 + 1;
    writeFileSync(join(folder, `a.tar.gz.${dead}.part`), content.subarray(0, 10));
    writeFileSync(join(folder, `a.tar.gz.${process.ppid}.part`), content.subarray(0, 20));
    await download(await open(serve(content)), folder, recordedWork());
    assert.deepEqual(server?.requests, ['/files/a.tar.gz?x=1 bytes=10-']);
    assert.deepEqual(readdirSync(folder).sort(), ['a.tar.gz', `a.tar.gz.${process.ppid}.part`].sort());
  });

  it('begins again where the server cannot go on, or has a shorter file by now', async () => {
    const wholeAlways: Answer = (_, response) => response.writeHead(200).end(content);
    for (const [answer, had] of [
      [wholeAlways, 1000],
      [serve(content), content.length + 1],
    ] as const) {
      const folder = newFolder();
      mkdirSync(folder);
      writeFileSync(join(folder, 'a.tar.gz.part'), Buffer.alloc(had));
      const file = await download(await open(answer), folder, recordedWork());
      assert.ok(readFileSync(file).equals(content));
      await server?.close();
    }
  });

  it('refuses what arrived damaged, and begins again the next time', async () => {
    const folder = newFolder();
    const damaged = serve(Buffer.alloc(content.length), { 'x-goog-hash': `md5=${md5}` });
    await assert.rejects(download(await open(damaged), folder, recordedWork()), /arrived damaged/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('says what the server answered', async () => {
    const folder = newFolder();
    await assert.rejects(
      download(await open(), folder, recordedWork()),
      /answered 404 Not Found: get a .* --from PATH/,
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it('says that the server cannot be reached', async () => {
    const url = await open();
    await server?.close();
    server = undefined;
    await assert.rejects(
      download(url, newFolder(), recordedWork()),
      /^UserError: 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\): check the network .* --from PATH /,
    );
  });

  it('keeps what it has when it is stopped', async () => {
    const folder = newFolder();
    const halfThenSilent: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000));
    };
    const controller = new AbortController();
    const work = { ...recordedWork(controller.signal), progress: () => controller.abort() };
    await assert.rejects(download(await open(halfThenSilent), folder, work), { name: 'AbortError' });
    assert.deepEqual(readdirSync(folder), ['a.tar.gz.part']);
    assert.equal(existsSync(join(folder, 'a.tar.gz')), false);
  });
});
