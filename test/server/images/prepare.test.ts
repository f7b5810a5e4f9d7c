import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import sharp from 'sharp';
import { UserError } from '../../../server/errors.ts';
import { openCache, trimCache } from '../../../server/images/cache.ts';
import { closeImages, PicturePreparer, prepareImage } from '../../../server/images/prepare.ts';
import { packageRoot } from '../../../server/paths.ts';
import { bundleProgram } from '../../support/bundle.ts';
import { gifOfFrames, halves, realPictures } from '../../support/pictures.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('pictures', function () {
  this.timeout(60_000);
  const temporary = temporaryFolder();
  let project = '';
  let real: Record<string, Buffer> = {};
  let preparer: PicturePreparer;
  before(async () => {
    real = await realPictures(60, 40);
    preparer = new PicturePreparer();
  });
  after(() => preparer.close());
  beforeEach(() => {
    project = mkdtempSync(join(temporary.path, 'project-'));
  });

  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), content);
    return name;
  };
  const prepare = (name: string) => preparer.prepare(project, name);
  /** The colour at a place, 8 bits a channel. */
  const pixel = async (path: string, x: number, y: number) => {
    const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return [...data.subarray((y * info.width + x) * info.channels).subarray(0, 3)];
  };
  const isNear = (found: number[], wanted: number[]) =>
    assert.ok(
      found.every((value, k) => Math.abs(value - wanted[k]) < 60),
      `${found} is not near ${wanted}`,
    );

  for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif']) {
    it(`shows ${format}, and whatever its name says`, async () => {
      for (const name of [`images/picture.${format}`, 'mislabelled.png', 'mislabelled.txt', 'none']) {
        const { path, width, height } = await prepare(write(name, real[format]));
        assert.deepEqual([width, height], [60, 40]);
        assert.equal(dirname(path), join(project, '.palate', 'cache', 'images'));
        assert.match(path, /[0-9a-f]{64}\.(png|webp)$/);
        isNear(await pixel(path, 5, 20), [255, 0, 0]);
        isNear(await pixel(path, 55, 20), [0, 0, 255]);
      }
      assert.equal(readdirSync(join(project, '.palate', 'cache', 'images')).length, 1, 'one picture, one file');
    });
  }

  it('turns a picture as its EXIF says, and takes every trace of metadata away', async () => {
    const turned = await halves(60, 40)
      .withExif({ IFD0: { Copyright: 'somebody', Orientation: '6' } })
      .withMetadata({ orientation: 6 })
      .withIccProfile('p3')
      .jpeg()
      .toBuffer();
    const { path, width, height } = await prepare(write('turned.jpg', turned));
    assert.deepEqual([width, height], [40, 60]);
    isNear(await pixel(path, 20, 5), [255, 0, 0]);
    isNear(await pixel(path, 20, 55), [0, 0, 255]);
    const { exif, icc, orientation } = await sharp(path).metadata();
    assert.deepEqual({ exif, icc, orientation }, { exif: undefined, icc: undefined, orientation: undefined });
  });

  it('converts colours to sRGB, from a wider profile and from CMYK', async () => {
    const wide = await halves(8, 8).withIccProfile('p3').png().toBuffer();
    isNear(await pixel((await prepare(write('wide.png', wide))).path, 1, 1), [255, 0, 0]);
    const cmyk = await halves(64, 64).toColourspace('cmyk').jpeg().toBuffer();
    const { path } = await prepare(write('cmyk.jpg', cmyk));
    assert.equal((await sharp(path).metadata()).space, 'srgb');
    const [red, , blue] = await pixel(path, 5, 30);
    assert.ok(red > 150 && blue < 100, `${red}, ${blue}`);
  });

  it('keeps what is transparent, and what has 16 bits or one channel', async () => {
    const clear = sharp({
      create: { width: 9, height: 9, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    });
    const { path } = await prepare(write('clear.png', await clear.png().toBuffer()));
    assert.equal((await sharp(path).metadata()).hasAlpha, true);
    const deep = await halves(8, 8).toColourspace('rgb16').png().toBuffer();
    assert.equal((await sharp((await prepare(write('deep.png', deep))).path).metadata()).depth, 'uchar');
    const grey = await halves(8, 8).greyscale().png().toBuffer();
    assert.deepEqual((await prepare(write('grey.png', grey))).width, 8);
  });

  it('scales a large picture down to 4096 pixels', async () => {
    const { path, width, height } = await prepare(write('wide.png', await halves(5000, 200).png().toBuffer()));
    assert.deepEqual([width, height], [4096, 164]);
    assert.equal((await sharp(path).metadata()).width, 4096);
  });

  it('keeps an animation moving, and shows the first frame of one that is too long', async () => {
    const frames = await prepare(write('short.gif', gifOfFrames(30, 20, 12)));
    assert.deepEqual([frames.width, frames.height], [30, 20]);
    const { format, pages } = await sharp(frames.path).metadata();
    assert.deepEqual([format, pages], ['webp', 12]);
    const long = await prepare(write('long.gif', gifOfFrames(30, 20, 300)));
    assert.match(long.path, /\.png$/);
  });

  it('answers from the cache, without a decoder', async () => {
    const fresh = new PicturePreparer({ entry: '/nowhere' });
    const first = await prepare(write('a.png', real.png));
    assert.deepEqual(await fresh.prepare(project, 'a.png'), first);
    write('a.png', real.jpeg);
    await assert.rejects(fresh.prepare(project, 'a.png'), UserError);
    await fresh.close();
    assert.notEqual((await prepare('a.png')).path, first.path);
  });

  it('prepares what lies damaged in the cache again', async () => {
    const { path } = await prepare(write('a.png', real.png));
    const whole = readFileSync(path);
    writeFileSync(path, 'something else');
    assert.deepEqual(await prepare('a.png'), { path, width: 60, height: 40 });
    assert.ok(readFileSync(path).equals(whole));
  });

  it('keeps the cache within its bounds: what was looked at last stays', async () => {
    const cache = await openCache(project);
    for (const [k, name] of ['a', 'b', 'c', 'd'].entries()) {
      writeFileSync(join(cache.folder, `${name}.png`), Buffer.alloc(100));
      utimesSync(join(cache.folder, `${name}.png`), 1000 + k, 1000 + k);
    }
    writeFileSync(join(cache.folder, 'left.tmp'), '');
    utimesSync(join(cache.folder, 'left.tmp'), 1000, 1000);
    await trimCache(cache, { bytes: 350, files: 100 });
    assert.deepEqual(readdirSync(cache.folder).sort(), ['b.png', 'c.png', 'd.png']);
    await trimCache(cache, { bytes: 1000, files: 2 });
    assert.deepEqual(readdirSync(cache.folder).sort(), ['c.png', 'd.png']);
  });

  it('two who ask for the same picture at once both get it, and twenty pictures come in any order', async () => {
    write('same.png', real.png);
    const [one, two] = await Promise.all([prepare('same.png'), prepare('same.png')]);
    assert.deepEqual(one, two);
    const names = await Promise.all(
      Array.from({ length: 20 }, async (_, k) =>
        write(
          `${k}.png`,
          await halves(10 + 2 * k, 10)
            .png()
            .toBuffer(),
        ),
      ),
    );
    const sizes = (await Promise.all(names.map(prepare))).map(({ width }) => width);
    assert.deepEqual(
      sizes,
      Array.from({ length: 20 }, (_, k) => 10 + 2 * k),
    );
  });

  describe('the decoder', () => {
    let dying: PicturePreparer;
    before(async () => {
      dying = new PicturePreparer({ entry: await bundleProgram('test/support/dyingDecoder.ts'), seconds: 5 });
    });
    after(() => dying.close());

    for (const [name, says] of [
      ['crash.png', /cannot be decoded: the decoder ended \(SIGSEGV\)/],
      ['exit.png', /the decoder ended \(code 3\)/],
      ['hang.png', /takes longer than 5 s/],
      ['heap.png', /the decoder ended|takes longer/],
      ['native.png', /the decoder ended|cannot be prepared/],
    ] as const) {
      it(`of ${name} takes that picture with it and nothing else`, async () => {
        for (const [k, file] of [name, 'before.png', 'after.png'].entries()) {
          write(
            file,
            await halves(10 + 2 * k, 10)
              .png()
              .toBuffer(),
          );
        }
        const [before, died, after] = await Promise.allSettled(
          ['before.png', name, 'after.png'].map((file) => dying.prepare(project, file)),
        );
        assert.deepEqual([before.status, died.status, after.status], ['fulfilled', 'rejected', 'fulfilled']);
        const { reason } = died as PromiseRejectedResult;
        assert.ok(reason instanceof UserError);
        assert.match(reason.message, says);
        assert.ok(readdirSync(join(project, '.palate', 'cache', 'images')).every((file) => !file.endsWith('.tmp')));
      });
    }

    it('serves several pictures, then ends, and starts again', async () => {
      const short = new PicturePreparer({ idleSeconds: 0.05 });
      write('a.png', await halves(2, 2).png().toBuffer());
      write('b.png', await halves(4, 2).png().toBuffer());
      const pids = new Set<number | undefined>();
      await Promise.all(['a.png', 'b.png'].map((name) => short.prepare(project, name).then(() => pids.add(short.pid))));
      assert.equal(pids.size, 1);
      await ended([...pids][0]);
      assert.equal(short.pid, undefined);
      assert.equal((await short.prepare(project, write('c.png', await halves(6, 2).png().toBuffer()))).width, 6);
      await short.close();
    });

    it('does not keep the server from ending, nor outlives it', async () => {
      write('a.png', real.png);
      const program = join(temporary.path, 'server.mjs');
      await build({
        stdin: {
          contents: `
            import { PicturePreparer } from './server/images/prepare.ts';
            const preparer = new PicturePreparer({ idleSeconds: 1000, entry: ${JSON.stringify(join(packageRoot(), 'out/server/images/main.js'))} });
            await preparer.prepare(${JSON.stringify(project)}, 'a.png');
            console.log(preparer.pid);`,
          resolveDir: packageRoot(),
        },
        outfile: program,
        bundle: true,
        format: 'esm',
        platform: 'node',
        packages: 'external',
      });
      const pid = Number(execFileSync(process.execPath, [program], { encoding: 'utf8', timeout: 30_000 }));
      assert.ok(pid > 0);
      await ended(pid);
    });
  });

  it('prepareImage is ready to be called, and closeImages ends what it started', async () => {
    assert.equal((await prepareImage(project, write('a.png', real.png))).width, 60);
    await closeImages();
  });

  it('the server loads no sharp: nothing that prepare.ts imports does', async () => {
    const inputs = async (entry: string) => {
      const { metafile } = await build({
        entryPoints: [join(packageRoot(), entry)],
        bundle: true,
        format: 'esm',
        platform: 'node',
        packages: 'external',
        write: false,
        metafile: true,
      });
      return Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    };
    assert.ok(!(await inputs('server/images/prepare.ts')).includes('sharp'));
    assert.ok((await inputs('server/images/main.ts')).includes('sharp'), 'the test would not notice');
  });
});

/** Resolves when a process is gone. It is no child of the test's, so the system tells it to nobody: look again and again. */
async function ended(pid: number | undefined): Promise<void> {
  for (;;) {
    try {
      process.kill(pid ?? 0, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
