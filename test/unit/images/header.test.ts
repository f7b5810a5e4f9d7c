import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatOf, type PictureFormat, sizeOf } from '../../../server/images/header.ts';
import { gifOfFrames, halves, realPictures } from '../../support/pictures.ts';

describe("a picture's header", () => {
  it('says format and size for all five formats', async () => {
    for (const [format, bytes] of Object.entries(await realPictures(46, 31))) {
      assert.equal(formatOf(bytes), format);
      assert.deepEqual(sizeOf(bytes, format as PictureFormat), { width: 46, height: 31 }, format);
    }
  });

  it('says the size of every kind of WebP', async () => {
    const picture = halves(300, 40);
    const kinds = {
      'VP8 ': await picture.clone().webp().toBuffer(),
      VP8L: await picture.clone().webp({ lossless: true }).toBuffer(),
      VP8X: await picture.clone().keepIccProfile().withIccProfile('p3').webp().toBuffer(),
    };
    for (const [chunk, bytes] of Object.entries(kinds)) {
      assert.equal(bytes.toString('latin1', 12, 16), chunk);
      assert.deepEqual(sizeOf(bytes, 'webp'), { width: 300, height: 40 }, chunk);
    }
  });

  it('knows none of the other formats', async () => {
    const others = {
      svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
      pdf: Buffer.from('%PDF-1.7\n'),
      tiff: await halves(4, 4).tiff().toBuffer(),
      heic: Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      text: Buffer.from('hello'),
      empty: Buffer.alloc(0),
    };
    for (const [name, bytes] of Object.entries(others)) assert.equal(formatOf(bytes), undefined, name);
  });

  it('a size of 0 is none', () => {
    assert.equal(sizeOf(gifOfFrames(0, 5, 1), 'gif'), undefined);
  });

  it('damaged in any way it says a size or none, and never throws or hangs', async () => {
    for (const [format, whole] of Object.entries(await realPictures(20, 20))) {
      await fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(Math.min(whole.length, 400) - 1), fc.nat(255)), { maxLength: 6 }),
          fc.nat(whole.length),
          (changes, length) => {
            const bytes = Buffer.from(whole.subarray(0, length));
            for (const [place, byte] of changes) if (place < length) bytes[place] = byte;
            formatOf(bytes);
            const size = sizeOf(bytes, format as PictureFormat);
            assert.ok(size === undefined || (size.width > 0 && size.height > 0));
          },
        ),
        { numRuns: 500 },
      );
    }
  });
});
