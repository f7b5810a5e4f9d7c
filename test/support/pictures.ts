import sharp, { type Sharp } from 'sharp';

/** A picture of two halves, red on the left and blue on the right: what is turned or mirrored can be seen. */
export function halves(width: number, height: number): Sharp {
  const half = { width: width / 2, height, channels: 3 as const, background: '#00f' };
  return sharp({ create: { width, height, channels: 3, background: '#f00' } }).composite([
    { input: { create: half }, left: width / 2, top: 0 },
  ]);
}

/** The five formats that are shown. */
export function realPictures(width: number, height: number): Promise<Record<string, Buffer>> {
  const picture = halves(width, height);
  return allOf({
    png: picture.clone().png().toBuffer(),
    jpeg: picture.clone().jpeg().toBuffer(),
    webp: picture.clone().webp().toBuffer(),
    gif: picture.clone().gif().toBuffer(),
    avif: picture.clone().avif({ effort: 0 }).toBuffer(),
  });
}

/** A GIF whose frames change its first pixel from black to white and back. */
export function gifOfFrames(width: number, height: number, frames: number): Buffer {
  const header = Buffer.from('GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  header.writeUInt16LE(width, 6);
  header.writeUInt16LE(height, 8);
  // Shown for 1/10 s, then 1 × 1 pixel at 0, 0 in LZW: black, or white.
  const frame = (pixel: number) =>
    Buffer.from([0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44 + 8 * pixel, 1, 0]);
  // Frames that show the same are one to an encoder.
  const shown = Array.from({ length: frames }, (_, k) => frame(k % 2));
  return Buffer.concat([header, ...shown, Buffer.from([0x3b])]);
}

/** A chunk of a PNG with a correct checksum, or with the one given. */
export function pngChunk(type: string, data: Uint8Array, checksum?: number): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE(checksum ?? crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

export const pngSignature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** The header of a PNG: 8 bits a channel, RGB. */
export function pngHeader(width: number, height: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([8, 2, 0, 0, 0], 8);
  return data;
}

/** CRC-32 of ISO 3309, as PNG uses it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

async function allOf<Value>(promises: Record<string, Promise<Value>>): Promise<Record<string, Value>> {
  return Object.fromEntries(
    await Promise.all(Object.entries(promises).map(async ([name, value]) => [name, await value])),
  );
}

/** The same bytes every time, without any meaning. */
export function noise(length: number): Buffer {
  let state = 12345;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
}

/** A JPEG whose header says another size. */
export function withJpegSize(jpeg: Buffer, width: number, height: number): Buffer {
  const bytes = Buffer.from(jpeg);
  const place = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(height, place + 5);
  bytes.writeUInt16BE(width, place + 7);
  return bytes;
}
