import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { type Manner, scenes } from './scenes.ts';

/** One row of responses/pictures.jsonl. */
export interface PictureRow {
  readonly prompt: string;
  /** TRL's column; one path relative to the example. */
  readonly images: readonly [string];
  readonly model: string;
}

type Format = 'png' | 'jpg' | 'webp' | 'gif' | 'avif';

/** How one of a pair is made: in which manner it is drawn and how it is written down. */
interface Recipe {
  readonly manner: Manner;
  readonly format: Format;
  /** 'high' keeps nearly everything, 'low' shows the format's faults. */
  readonly quality: 'high' | 'low';
}

const pairs: readonly (readonly [Recipe, Recipe])[] = [
  versus('manner', 'png'),
  versus('quality', 'jpg'),
  versus('quality', 'webp'),
  versus('quality', 'gif'),
  versus('quality', 'avif'),
  versus('manner', 'jpg'),
  versus('manner', 'webp'),
  versus('manner', 'gif'),
  versus('manner', 'avif'),
  [
    { manner: 'shaded', format: 'png', quality: 'high' },
    { manner: 'shaded', format: 'jpg', quality: 'low' },
  ],
];

function versus(what: 'manner' | 'quality', format: Format): readonly [Recipe, Recipe] {
  const good: Recipe = { manner: 'shaded', format, quality: 'high' };
  return [good, what === 'manner' ? { ...good, manner: 'plain' } : { ...good, quality: 'low' }];
}

const writers: Readonly<Record<Format, (picture: Sharp, quality: Recipe['quality']) => Sharp>> = {
  png: (picture, quality) => picture.png({ palette: quality === 'low', colours: quality === 'low' ? 6 : 256 }),
  jpg: (picture, quality) => picture.jpeg({ quality: quality === 'low' ? 6 : 85 }),
  webp: (picture, quality) => picture.webp({ quality: quality === 'low' ? 2 : 85 }),
  gif: (picture, quality) => picture.gif({ colours: quality === 'low' ? 4 : 128, dither: quality === 'low' ? 0 : 0.6 }),
  avif: (picture, quality) => picture.avif({ quality: quality === 'low' ? 2 : 60 }),
};

/** Draws every scene twice into `folder`/images and answers the rows that name them. */
export async function drawPictures(folder: string): Promise<PictureRow[]> {
  mkdirSync(join(folder, 'images'), { recursive: true });
  const rows: PictureRow[] = [];
  for (const [k, { prompt, draw }] of scenes.entries()) {
    for (const [n, { manner, format, quality }] of pairs[k].entries()) {
      const image = `images/${String(k + 1).padStart(2, '0')}-${'ab'[n]}.${format}`;
      await writers[format](sharp(Buffer.from(draw(manner))), quality).toFile(join(folder, image));
      rows.push({
        prompt,
        images: [image],
        model: quality === 'low' ? `${manner}, ${format} at low quality` : `${manner}, ${format}`,
      });
    }
  }
  return rows;
}
