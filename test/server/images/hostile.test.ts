import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { UserError } from '../../../server/errors.ts';
import { PicturePreparer } from '../../../server/images/prepare.ts';
import {
  gifOfFrames,
  halves,
  noise,
  pngChunk,
  pngHeader,
  pngSignature,
  realPictures,
  withJpegSize,
} from '../../support/pictures.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('hostile pictures', function () {
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
  const refused = (name: string, expected: RegExp) =>
    assert.rejects(prepare(name), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, expected);
      return true;
    });

  describe('files', () => {
    const idat = () => pngChunk('IDAT', Buffer.alloc(20));
    const png = (...chunks: Buffer[]) => Buffer.concat([pngSignature, ...chunks]);
    const end = pngChunk('IEND', Buffer.alloc(0));
    /** Each is answered with a picture or a sentence; `says`: a sentence like this. */
    const files: Record<string, { make: () => Uint8Array | Promise<Uint8Array>; says?: RegExp }> = {
      'empty.png': { make: () => Buffer.alloc(0), says: /is empty/ },
      'zeros.png': { make: () => Buffer.alloc(5000), says: /is not a PNG, JPEG, WebP, GIF or AVIF picture/ },
      'signature.png': { make: () => pngSignature, says: /damaged/ },
      'truncated.png': { make: () => real.png.subarray(0, real.png.length - 30), says: /damaged/ },
      'truncated.jpg': { make: () => real.jpeg.subarray(0, real.jpeg.length / 2), says: /damaged/ },
      'truncated.webp': { make: () => real.webp.subarray(0, real.webp.length / 2), says: /damaged/ },
      'truncated.gif': { make: () => real.gif.subarray(0, 20), says: /damaged/ },
      'truncated.avif': { make: () => real.avif.subarray(0, real.avif.length - 50), says: /damaged/ },
      'bomb.png': {
        make: () => png(pngChunk('IHDR', pngHeader(60_000, 60_000)), idat(), end),
        says: /has 60000 × 60000 pixels; at most 64 million/,
      },
      'bomb.gif': { make: () => gifOfFrames(65535, 65535, 1), says: /65535 × 65535 pixels/ },
      'bomb.jpg': { make: () => withJpegSize(real.jpeg, 65500, 65500), says: /65500 × 65500 pixels/ },
      'bomb.webp': {
        make: async () => {
          const bytes = Buffer.from(await halves(20, 20).withIccProfile('p3').webp().toBuffer());
          bytes.writeUIntLE(16383, 24, 3);
          bytes.writeUIntLE(16383, 27, 3);
          return bytes;
        },
        says: /16384 × 16384 pixels/,
      },
      'bomb.avif': {
        make: () => {
          const bytes = Buffer.from(real.avif);
          const place = bytes.indexOf('ispe') + 8;
          bytes.writeUInt32BE(0xfffffff0, place);
          bytes.writeUInt32BE(0xfffffff0, place + 4);
          return bytes;
        },
        says: /4294967280 × 4294967280 pixels/,
      },
      'zero.png': { make: () => png(pngChunk('IHDR', pngHeader(0, 0)), idat(), end), says: /damaged/ },
      'nothing.png': { make: () => png(pngChunk('IHDR', pngHeader(7000, 7000)), end), says: /damaged/ },
      'chunk length 2^31.png': {
        make: () => {
          const bytes = Buffer.from(png(pngChunk('IHDR', pngHeader(9, 9)), idat()));
          bytes.writeUInt32BE(2 ** 31, bytes.indexOf('IDAT') - 4);
          return bytes;
        },
        says: /damaged/,
      },
      'wrong checksum.png': { make: () => png(pngChunk('IHDR', pngHeader(9, 9), 12345), idat(), end), says: /damaged/ },
      'header of a gigabyte.webp': {
        make: () =>
          Buffer.concat([Buffer.from('RIFF\xff\xff\xff\x7fWEBPVP8X\xff\xff\xff\x7f', 'latin1'), Buffer.alloc(40)]),
        says: /damaged/,
      },
      '100,000 frames.gif': { make: () => gifOfFrames(16, 16, 100_000) },
      'garbage.avif': {
        make: () => Buffer.concat([Buffer.from('\0\0\0\x18ftypavif\0\0\0\0avifmif1', 'latin1'), noise(4000)]),
        says: /damaged/,
      },
      'noise in the data.avif': {
        make: () => {
          const bytes = Buffer.from(real.avif);
          noise(100).copy(bytes, bytes.indexOf('mdat') + 8);
          return bytes;
        },
      },
      'noise in the data.jpg': {
        make: () => Buffer.concat([real.jpeg.subarray(0, 640), noise(3000)]),
      },
      'polyglot.html': {
        make: () => Buffer.concat([real.png, Buffer.from('<script>alert(1)</script>')]),
      },
      'polyglot.gif': { make: () => Buffer.from('GIF89a/*\0\0*/=1;alert(1)//'), says: /damaged|pixels/ },
      'polyglot.jpg': { make: () => Buffer.concat([real.jpeg, Buffer.from('PK\x03\x04'), noise(500)]) },
      'drawing.png': {
        make: () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'),
        says: /is not a PNG/,
      },
      'tagged.png': { make: () => halves(8, 8).tiff().toBuffer(), says: /is not a PNG/ },
      'paper.png': { make: () => Buffer.from('%PDF-1.4\n%âãÏÓ\n'), says: /is not a PNG/ },
      'phone.avif': { make: () => Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), says: /is not a PNG/ },
      'phone that lies.avif': {
        make: () => Buffer.concat([Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1avif', 'latin1'), noise(300)]),
        says: /damaged/,
      },
      'compressed text.png': {
        // 60 MB of zeros in a comment.
        make: () => {
          const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(60e6))]);
          return Buffer.concat([real.png.subarray(0, 33), pngChunk('zTXt', text), real.png.subarray(33)]);
        },
      },
    };
    for (const [name, { make, says }] of Object.entries(files)) {
      it(name, async () => {
        write(name, await make());
        if (says) return refused(name, says);
        const answer = await prepare(name).then(
          async ({ path }) => {
            const { format } = await sharp(path).metadata();
            assert.ok(['png', 'webp'].includes(format ?? ''));
            assert.ok(!readFileSync(path).includes('<script>'));
          },
          (error) => assert.ok(error instanceof UserError, String(error)),
        );
        return answer;
      });
    }

    it('and after all of them the decoder still works', async () => {
      assert.equal((await prepare(write('fine.png', await halves(80, 2).png().toBuffer()))).width, 80);
    });
  });

  describe('paths', () => {
    it('never leave the project', async () => {
      writeFileSync(join(temporary.path, 'secret.png'), real.png);
      const absolute = join(temporary.path, 'secret.png');
      for (const path of [
        '../secret.png',
        'a/../../secret.png',
        '..\\secret.png',
        absolute,
        'C:\\a.png',
        '\\\\host\\a',
        '',
        'a\0.png',
      ]) {
        await refused(path, /is not a path inside the project/);
      }
      symlinkSync(absolute, join(project, 'link.png'));
      symlinkSync(temporary.path, join(project, 'folder'));
      await refused('link.png', /leads outside of the project/);
      await refused('folder/secret.png', /leads outside of the project/);
      symlinkSync('circle.png', join(project, 'circle.png'));
      await refused('circle.png', /leads to itself/);
      write('images/a.png', real.png);
      symlinkSync(join(project, 'images'), join(project, 'also'));
      assert.equal((await prepare('also/a.png')).width, 60);
    });

    it('nor is anything written elsewhere', async () => {
      mkdirSync(join(project, '.palate'));
      const elsewhere = mkdtempSync(join(temporary.path, 'elsewhere-'));
      symlinkSync(elsewhere, join(project, '.palate', 'cache'));
      await refused(write('a.png', real.png), /outside of the project. Remove the link/);
      assert.deepEqual(readdirSync(elsewhere, { recursive: true }), ['images']);
    });

    it('of folders, of nothing, and names that would turn a sentence around', async () => {
      mkdirSync(join(project, 'images'));
      await refused('images', /is not a file/);
      await refused('images/none.png', /"images\/none.png" is not there/);
      await refused('a\u202egnp.exe', /"a\\u202egnp.exe" is not there/);
      await refused('x'.repeat(5000), /has too long a name/);
    });

    it('of pipes and sockets, without waiting for anybody', async function () {
      if (process.platform === 'win32') skip(this, 'Windows has no pipes among its files');
      execFileSync('mkfifo', [join(project, 'pipe.png')]);
      await refused('pipe.png', /is not a file/);
      const server = createServer().listen(join(project, 'socket.png'));
      await once(server, 'listening');
      await refused('socket.png', /is not a file/);
      server.close();
      symlinkSync('/dev/zero', join(project, 'zero.png'));
      await refused('zero.png', /outside of the project/);
    });

    it('of a project that is gone', () => {
      rmSync(project, { recursive: true });
      return refused('a.png', /folder .* is gone/);
    });

    it('of files that may not be read', async () => {
      chmodSync(join(project, write('mine.png', real.png)), 0);
      // Root may.
      if (process.getuid?.() === 0 || process.platform === 'win32') await prepare('mine.png');
      else await refused('mine.png', /may not be read by you/);
    });

    it('of a file that is too large to be read at all', async () => {
      write('large.png', real.png);
      truncateSync(join(project, 'large.png'), 65 * 1024 * 1024);
      await refused('large.png', /has 65 MB; at most 64 MB/);
    });
  });
});
