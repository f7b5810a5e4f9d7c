import { element } from '../../common/elements.ts';
import { type Lens, panned, placementOf, reaches, type Size, zoomed } from './lens.ts';
import type { Picture } from './loader.ts';

/** What lies in a viewport, from below. */
export interface Layer {
  readonly element: HTMLElement;
  readonly size: Size;
  /** Seen only right of this share of the viewport's width. */
  from?: number;
}

export interface LensHolder {
  get(): Lens;
  set(lens: Lens): void;
}

/** Pixels of the screen for one of the picture from which on single pixels are shown as squares. */
const squares = 2;

/** A window on pictures: drags, pinches and the wheel move the lens that all windows share. */
export class Viewport {
  readonly root: HTMLElement;
  readonly #lens: LensHolder;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  readonly #watch: ResizeObserver;
  #layers: readonly Layer[] = [];

  constructor(label: string, lens: LensHolder) {
    this.#lens = lens;
    this.root = element('div', {
      class: 'viewport',
      attributes: { role: 'group', 'aria-label': label },
      set: { tabIndex: 0 },
    });
    this.#watch = new ResizeObserver(() => this.place());
    this.#watch.observe(this.root);
    this.root.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.root.addEventListener('pointerdown', (event) => this.#down(event));
    this.root.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel'] as const) {
      this.root.addEventListener(end, (event) => this.#pointers.delete(event.pointerId));
    }
  }

  get movable(): boolean {
    const seen = this.#layers[0]?.size;
    return seen !== undefined && reaches(this.#lens.get(), seen, this.#pane(), pixel());
  }

  show(layers: readonly Layer[]): void {
    this.#layers = layers;
    this.root.replaceChildren(...layers.map((layer) => layer.element));
    this.place();
  }

  /** Where the lens says. */
  place(): void {
    const pane = this.#pane();
    if (pane.width === 0 || pane.height === 0) return;
    this.root.classList.toggle('movable', this.movable);
    for (const { element: picture, size, from } of this.#layers) {
      const { scale, left, top } = placementOf(this.#lens.get(), size, pane, pixel());
      picture.style.width = `${size.width}px`;
      picture.style.height = `${size.height}px`;
      picture.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      picture.style.setProperty('--square', `${16 / scale}px`);
      picture.style.imageRendering = scale >= squares * pixel() ? 'pixelated' : 'auto';
      // The cut is given in the picture's own pixels, before it is scaled.
      picture.style.clipPath = from === undefined ? '' : `inset(0 0 0 ${(from * pane.width - left) / scale}px)`;
    }
  }

  zoom(by: number, dx = 0, dy = 0): void {
    const seen = this.#layers[0]?.size;
    if (seen) this.#lens.set(zoomed(this.#lens.get(), by, seen, this.#pane(), pixel(), dx, dy));
  }

  pan(dx: number, dy: number): void {
    const seen = this.#layers[0]?.size;
    if (seen) this.#lens.set(panned(this.#lens.get(), dx, dy, seen, this.#pane(), pixel()));
  }

  dispose(): void {
    this.#watch.disconnect();
  }

  #pane(): Size {
    return { width: this.root.clientWidth, height: this.root.clientHeight };
  }

  #fromMiddle(x: number, y: number): [number, number] {
    const box = this.root.getBoundingClientRect();
    return [x - box.left - box.width / 2, y - box.top - box.height / 2];
  }

  #wheel(event: WheelEvent): void {
    // Lines and pages of other mice, in pixels.
    const unit = [1, 16, 400][event.deltaMode] ?? 1;
    // As in the editor's own viewer: with Ctrl, or two fingers, it zooms; without, it moves what can be moved.
    if (event.ctrlKey || event.altKey) {
      this.zoom(Math.exp((-event.deltaY * unit) / 100), ...this.#fromMiddle(event.x, event.y));
    } else if (this.movable) this.pan(-event.deltaX * unit, -event.deltaY * unit);
    else return;
    event.preventDefault();
  }

  #down(event: PointerEvent): void {
    // A captured pointer's click would miss the button that it was meant for.
    if (event.button !== 0 || (event.target as Element).closest('button')) return;
    this.root.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.x, y: event.y });
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    const now = { x: event.x, y: event.y };
    if (other) {
      const distance = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y);
      const middle = this.#fromMiddle((now.x + other.x) / 2, (now.y + other.y) / 2);
      if (distance(before) > 0) this.zoom(distance(now) / distance(before), ...middle);
      this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    } else this.pan(now.x - before.x, now.y - before.y);
    this.#pointers.set(event.pointerId, now);
  }
}

/** One pixel of the screen, in pixels of the page. */
const pixel = () => 1 / (window.devicePixelRatio || 1);

export function pictureLayer(picture: Picture, alt: string, from?: number): Layer {
  const image = element('img', { class: 'layer', set: { src: picture.url, alt, draggable: false } });
  return { element: image, size: picture, from };
}

/** A canvas larger than this is drawn smaller: some systems refuse it. */
const largestSide = 4096;

/** How far each colour is from the other picture's, made brighter so that small differences are seen. */
export function differenceLayer(a: Picture, b: Picture, images: readonly [HTMLImageElement, HTMLImageElement]): Layer {
  const size = { width: Math.max(a.width, b.width), height: Math.max(a.height, b.height) };
  const shrink = Math.min(1, largestSide / Math.max(size.width, size.height));
  const canvas = element('canvas', {
    class: 'layer difference',
    attributes: { role: 'img', 'aria-label': 'Difference of the two pictures: black where they are the same' },
    set: { width: Math.round(size.width * shrink), height: Math.round(size.height * shrink) },
  });
  const context = canvas.getContext('2d');
  if (context) {
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(images[0], 0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = 'difference';
    context.drawImage(images[1], 0, 0, canvas.width, canvas.height);
  }
  return { element: canvas, size };
}
