/** Runs in the child alone, and is the only module that imports sharp. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { type PictureFormat, sizeOf } from './header.ts';
import { limits } from './limits.ts';
import type { DecodedPicture } from './protocol.ts';
import { knownFormat, openPicture, Refused, refuseBomb } from './source.ts';

// No other decoder is started, whatever a file says that it is.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadPng',
    'VipsForeignLoadJpeg',
    'VipsForeignLoadWebp',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadHeif',
  ],
});
sharp.cache(false);
sharp.concurrency(1);

/** What sharp calls them. */
const decoders: Readonly<Record<PictureFormat, string>> = {
  png: 'png',
  jpeg: 'jpeg',
  webp: 'webp',
  gif: 'gif',
  avif: 'heif',
};

/**
 * Decodes a picture and writes what can be seen of it, and nothing else, to `target`: upright, in sRGB, without metadata.
 *
 * @returns undefined where the file's bytes are no longer those of `sha256`
 * @throws Refused
 */
export async function decodePicture(
  source: string,
  sha256: string,
  target: string,
): Promise<DecodedPicture | undefined> {
  const bytes = await readPicture(source);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) return undefined;
  const format = knownFormat(bytes);
  const header = sizeOf(bytes, format);
  if (!header) throw new Refused('is damaged: its header does not say how large it is');
  refuseBomb(header);
  try {
    const { data, info, extension } = await render(bytes, format);
    if (data.length > limits.outputBytes) throw new Refused('needs too much space when it is decoded');
    await writeFile(target, data, { flag: 'wx', mode: 0o600 });
    return { width: info.width, height: info.pageHeight ?? info.height, extension };
  } catch (error) {
    if (error instanceof Refused || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new Refused(`is damaged: ${firstLine(error as Error)}`);
  }
}

async function readPicture(path: string): Promise<Buffer> {
  const { handle, bytes } = await openPicture(path);
  try {
    const buffer = Buffer.alloc(bytes);
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await handle.read(buffer, done, bytes - done, done);
      if (bytesRead === 0) return buffer.subarray(0, done);
      done += bytesRead;
    }
    return buffer;
  } finally {
    await handle.close();
  }
}

async function render(bytes: Buffer, format: PictureFormat) {
  const options = { limitInputPixels: limits.pixels, failOn: 'error', unlimited: false } as const;
  const { format: found, pages = 1, width, height } = await sharp(bytes, options).metadata();
  // A file that one reader takes for a JPEG and the other for something else is not to be trusted.
  if (found !== decoders[format]) throw new Refused(`is damaged: it begins like ${format} and is ${found}`);
  refuseBomb({ width, height });
  const animated = pages > 1 && (format === 'gif' || format === 'webp') && isShort(pages, width, height);
  const upright = sharp(bytes, { ...options, animated }).autoOrient();
  const box = { width: limits.edge, height: limits.edge, fit: 'inside', withoutEnlargement: true } as const;
  // Without keepMetadata nothing of EXIF, XMP or a profile is written; colours are converted to sRGB by the profile first.
  const picture = upright.resize(box).toColourspace('srgb');
  const extension = !animated && width * height <= limits.losslessPixels ? 'png' : 'webp';
  const written =
    extension === 'png'
      ? picture.png({ compressionLevel: 5, adaptiveFiltering: false })
      : picture.webp({ quality: 92, effort: 2, smartSubsample: !animated });
  return { ...(await written.toBuffer({ resolveWithObject: true })), extension } as const;
}

/** Scaling an animation takes all of its frames into memory at once. */
function isShort(pages: number, width: number, height: number): boolean {
  return pages <= limits.frames && pages * width * height <= limits.pixels;
}

/** libvips repeats itself, one line a scan line. */
function firstLine({ message }: Error): string {
  return message.split('\n')[0].slice(0, 200).replace(/\.$/, '');
}
