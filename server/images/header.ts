/** What a picture's first bytes say. Nothing is decoded, and nothing is believed but what these readers understand. */

export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif';

export interface PictureSize {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** Which of the five formats a file is, by its magic bytes and whatever its name; undefined: another one. */
export function formatOf(bytes: Buffer): PictureFormat | undefined {
  if (bytes.subarray(0, 8).equals(pngSignature)) return 'png';
  if (bytes.length >= 3 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(text(bytes, 0, 6))) return 'gif';
  return avifBrands(bytes) ? 'avif' : undefined;
}

/**
 * Width and height as the header says them, before orientation. Undefined: they are not in these bytes, because the
 * file is damaged or they come later.
 */
export function sizeOf(bytes: Buffer, format: PictureFormat): PictureSize | undefined {
  try {
    const size = readers[format](bytes);
    return size && size.width > 0 && size.height > 0 ? size : undefined;
  } catch (error) {
    // A field that lies behind the last byte.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const text = (bytes: Buffer, from: number, to: number) => bytes.toString('latin1', from, to);

const readers: Readonly<Record<PictureFormat, (bytes: Buffer) => PictureSize | undefined>> = {
  png(bytes) {
    if (text(bytes, 12, 16) !== 'IHDR') return undefined;
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  },

  gif(bytes) {
    return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  },

  jpeg(bytes) {
    for (let place = 2; ; ) {
      if (bytes.readUInt8(place) !== 0xff) return undefined;
      const marker = bytes.readUInt8(place + 1);
      // Fill bytes, and markers without a segment.
      if (marker === 0xff) place += 1;
      else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) place += 2;
      else if (marker === 0xda || marker === 0xd9) return undefined;
      else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
        return { width: bytes.readUInt16BE(place + 7), height: bytes.readUInt16BE(place + 5) };
      } else place += 2 + bytes.readUInt16BE(place + 2);
    }
  },

  webp(bytes) {
    const chunk = text(bytes, 12, 16);
    if (chunk === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    if (chunk === 'VP8L') {
      const bits = bytes.readUInt32LE(21);
      return bytes[20] === 0x2f ? { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 } : undefined;
    }
    if (chunk !== 'VP8 ' || bytes.readUIntBE(23, 3) !== 0x9d012a) return undefined;
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  },

  avif(bytes) {
    let largest: PictureSize | undefined;
    const visit = (from: number, to: number, depth: number): void => {
      for (const box of boxes(bytes, from, to)) {
        // 'meta' has four bytes of version and flags before its boxes.
        if (box.type === 'meta' && depth === 0) visit(box.start + 4, box.end, 1);
        else if (box.type === 'iprp' && depth === 1) visit(box.start, box.end, 2);
        else if (box.type === 'ipco' && depth === 2) visit(box.start, box.end, 3);
        else if (box.type === 'ispe' && depth === 3) {
          const [width, height] = [bytes.readUInt32BE(box.start + 4), bytes.readUInt32BE(box.start + 8)];
          // A thumbnail and the tiles of a grid have sizes of their own.
          if (!largest || width * height > largest.width * largest.height) largest = { width, height };
        }
      }
    };
    visit(0, bytes.length, 0);
    return largest;
  },
};

/** Whether the file says that it is AVIF; HEIC has the same container and other brands. */
function avifBrands(bytes: Buffer): boolean {
  if (text(bytes, 4, 8) !== 'ftyp' || bytes.length < 16) return false;
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 1024);
  const brands = [text(bytes, 8, 12)];
  for (let place = 16; place + 4 <= end; place += 4) brands.push(text(bytes, place, place + 4));
  return brands.some((brand) => brand === 'avif' || brand === 'avis');
}

interface Box {
  readonly type: string;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

/** Boxes of ISO/IEC 14496-12 one after the other; at most 10,000, and no further than the first senseless length. */
function* boxes(bytes: Buffer, from: number, to: number): Generator<Box> {
  for (let place = from, count = 0; place + 8 <= to && count < 10_000; count++) {
    const short = bytes.readUInt32BE(place);
    const start = place + (short === 1 ? 16 : 8);
    const size = short === 1 ? Number(bytes.readBigUInt64BE(place + 8)) : short === 0 ? to - place : short;
    const end = place + size;
    if (end < start) return;
    yield { type: text(bytes, place + 4, place + 8), start, end: Math.min(end, to) };
    place = end;
  }
}
