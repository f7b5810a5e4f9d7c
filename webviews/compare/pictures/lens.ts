/** Which part of the pictures is seen, and how large: one lens for all of them, so that they move together. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Lens {
  /** What a factor of 1 means: the whole picture fits its pane, or one pixel of it is one of the screen. */
  readonly base: 'fit' | 'pixels';
  readonly factor: number;
  /** The point of the picture in the middle of the pane, as a share of its width and height. */
  readonly x: number;
  readonly y: number;
}

export interface Placement {
  /** Pixels of the page for one of the picture. */
  readonly scale: number;
  /** Where the picture's corner lies in the pane, in pixels of the page. */
  readonly left: number;
  readonly top: number;
}

export const whole: Lens = { base: 'fit', factor: 1, x: 0.5, y: 0.5 };

const smallest = 0.2;
const largest = 64;
/** A tiny picture is enlarged to its pane, but not beyond this. */
const largestFit = 16;

export function scaleOf({ base, factor }: Lens, picture: Size, pane: Size, pixel: number): number {
  const fit = Math.min(pane.width / picture.width, pane.height / picture.height, largestFit);
  return (base === 'fit' ? fit : pixel) * factor;
}

/** `pixel`: one pixel of the screen, in pixels of the page. */
export function placementOf(lens: Lens, picture: Size, pane: Size, pixel: number): Placement {
  const scale = scaleOf(lens, picture, pane, pixel);
  const place = (share: number, length: number, room: number) =>
    room / 2 - clamped(share, length * scale, room) * length * scale;
  return {
    scale,
    left: place(lens.x, picture.width, pane.width),
    top: place(lens.y, picture.height, pane.height),
  };
}

/** A picture smaller than its pane stays in the middle; a larger one never leaves a gap at its edge. */
function clamped(share: number, shown: number, room: number): number {
  if (shown <= room) return 0.5;
  const margin = room / 2 / shown;
  return Math.min(1 - margin, Math.max(margin, share));
}

/** Moved by so many pixels of the page, as the picture `seen` in `pane` is placed. */
export function panned(lens: Lens, dx: number, dy: number, seen: Size, pane: Size, pixel: number): Lens {
  const scale = scaleOf(lens, seen, pane, pixel);
  const move = (share: number, by: number, length: number, room: number) =>
    clamped(clamped(share, length * scale, room) - by / (length * scale), length * scale, room);
  return {
    ...lens,
    x: move(lens.x, dx, seen.width, pane.width),
    y: move(lens.y, dy, seen.height, pane.height),
  };
}

/** Closer by `by`, with the point at (dx, dy) from the pane's middle staying where it is. */
export function zoomed(lens: Lens, by: number, seen: Size, pane: Size, pixel: number, dx = 0, dy = 0): Lens {
  const factor = Math.min(largest, Math.max(smallest, lens.factor * by));
  const to = panned(lens, -dx, -dy, seen, pane, pixel);
  return panned({ ...to, factor }, dx, dy, seen, pane, pixel);
}

/** Some of the picture lies outside its pane, so that it can be moved. */
export function reaches(lens: Lens, picture: Size, pane: Size, pixel: number): boolean {
  const scale = scaleOf(lens, picture, pane, pixel);
  return picture.width * scale > pane.width + 1 || picture.height * scale > pane.height + 1;
}
