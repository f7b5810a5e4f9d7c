import type { Comparison, Response } from '../../../server/protocol/types.ts';
import { button, element, fill } from '../../common/elements.ts';
import { loading } from '../../common/loading.ts';
import { painted } from '../../common/slices.ts';
import { type LongText, longText } from '../../common/text/longText.ts';
import type { CompareAction, CompareKeys } from '../../protocol/compare.ts';
import type { PairView, PictureMode, Preferences } from '../pairView.ts';
import { promptView } from '../prompt.ts';
import { answer, textOf } from '../textPair.ts';
import { type Lens, whole } from './lens.ts';
import type { Loader, Picture } from './loader.ts';
import { differenceLayer, type Layer, pictureLayer, Viewport } from './viewport.ts';

type Loaded = { readonly picture: Picture; readonly image: HTMLImageElement };

/** How far an arrow key moves, in pixels of the page, and how much + and − zoom. */
const stride = 60;
const closer = 1.5;

const letters = ['A', 'B'] as const;

/** The paths of a response's pictures. */
export const picturesOf = ({ parts }: Response) => parts.flatMap((part) => (part.type === 'image' ? [part.path] : []));

/** Two pictures: side by side, one over the other with a slider between them, or their difference. */
export class PicturePair implements PairView {
  readonly comparison: Comparison;
  readonly root: HTMLElement;
  readonly tools: HTMLElement;
  readonly #preferences: Preferences;
  readonly #loader: Loader;
  readonly #changed: () => void;
  readonly #prompt;
  readonly #captions: readonly LongText[];
  readonly #sides: readonly [Viewport, Viewport];
  readonly #over: Viewport;
  readonly #overPane: HTMLElement;
  readonly #slider: HTMLInputElement;
  /** What is seen where one lies over the other. */
  readonly #legend = element('div', { class: 'over-legend' });
  readonly #answers: HTMLElement;
  readonly #loaded: [Loaded | string | undefined, Loaded | string | undefined] = [undefined, undefined];
  /** Of the pane where one lies over the other. */
  #layers: readonly Layer[] = [];
  /** Which of each response's pictures is shown. */
  #index = 0;
  #lens: Lens = whole;
  #held = false;
  #seen = false;
  #disposed = false;

  constructor(
    comparison: Comparison,
    preferences: Preferences,
    keys: CompareKeys,
    loader: Loader,
    changed: () => void,
  ) {
    this.comparison = comparison;
    this.#preferences = preferences;
    this.#loader = loader;
    this.#changed = changed;
    this.#prompt = promptView(comparison.prompt, preferences.raw ? 'raw' : 'markdown');
    const lens = { get: () => this.#lens, set: (next: Lens) => this.#look(next) };
    this.#sides = [new Viewport('Picture of response A', lens), new Viewport('Picture of response B', lens)];
    this.#over = new Viewport('Both pictures, one over the other', lens);
    this.#slider = element('input', {
      class: 'swipe',
      attributes: { 'aria-label': 'A to the left of this place, B to the right' },
      set: { type: 'range', min: '0', max: '100', value: '50', oninput: () => this.#swipe() },
    });
    this.#overPane = element('div', { class: 'over' }, this.#over.root, this.#legend);
    this.#captions = comparison.shown.map((response) => longText(textOf(response), 'markdown'));
    this.#answers = element('div', { class: 'answers pictures' }, ...comparison.shown.map((_, at) => this.#side(at)));
    this.tools = this.#makeTools(keys);
    this.root = element('div', { class: 'pair' }, this.#prompt.root, this.#answers, this.#overPane);
    this.#arrange();
    for (const side of [0, 1] as const) void this.#load(side);
  }

  refresh(): void {
    this.#prompt.show(this.#preferences.raw ? 'raw' : 'markdown');
    this.#arrange();
  }

  seen(): boolean {
    return this.#seen;
  }

  act(action: CompareAction): boolean {
    const { pictures } = this.#preferences;
    const mode = (wanted: PictureMode) => this.#setMode(pictures === wanted ? 'sides' : wanted);
    const acts: Partial<Record<CompareAction, () => void>> = {
      zoom: () => this.#look(this.#lens.base === 'pixels' ? whole : { ...this.#lens, base: 'pixels', factor: 1 }),
      zoomIn: () => this.#viewport.zoom(closer),
      zoomOut: () => this.#viewport.zoom(1 / closer),
      fit: () => this.#look(whole),
      difference: () => mode('difference'),
      swipe: () => mode('swipe'),
      nextPicture: () => this.#next(),
      raw: () => {
        this.#preferences.raw = !this.#preferences.raw;
        this.refresh();
        this.#changed();
      },
    };
    acts[action]?.();
    return acts[action] !== undefined;
  }

  hold(on: boolean): void {
    if (this.#held === on) return;
    this.#held = on;
    this.#arrange();
  }

  move(x: number, y: number): boolean {
    if (!this.#viewport.movable) return false;
    // The arrow says where to look, so the picture goes the other way.
    this.#viewport.pan(-x * stride, -y * stride);
    return true;
  }

  dispose(): void {
    this.#disposed = true;
    this.#prompt.dispose();
    for (const caption of this.#captions) caption.dispose();
    for (const viewport of [...this.#sides, this.#over]) viewport.dispose();
  }

  get #viewport(): Viewport {
    return this.#preferences.pictures === 'sides'
      ? this.#sides[typeof this.#loaded[0] === 'object' ? 0 : 1]
      : this.#over;
  }

  #side(at: number): HTMLElement {
    const response = this.comparison.shown[at];
    const made = answer(response, this.#sides[at].root, at);
    if (textOf(response) !== '') made.append(element('div', { class: 'caption' }, this.#captions[at].root));
    return made;
  }

  #makeTools(keys: CompareKeys): HTMLElement {
    const tool = (label: string, action: CompareAction, pressed?: boolean) => {
      const made = button(label, () => this.act(action), { look: 'quiet', key: keys[action], pressed });
      made.dataset.action = action;
      return made;
    };
    // A key that is the sign itself says enough: with the words, the tools of pictures took a second line.
    const zoomTool = (label: string, action: 'zoomOut' | 'zoomIn') => {
      const made = tool(label, action);
      made.title = label;
      made.classList.toggle('sign', keys[action] === '-' || keys[action] === '+');
      return made;
    };
    return element(
      'div',
      { class: 'tools', attributes: { role: 'group', 'aria-label': 'How pictures are shown' } },
      this.#most > 1 && tool('Next picture', 'nextPicture'),
      this.#flipTool(keys),
      tool('Swipe', 'swipe', false),
      tool('Difference', 'difference', false),
      tool('Fit', 'fit'),
      tool('1:1', 'zoom', false),
      zoomTool('Zoom out', 'zoomOut'),
      zoomTool('Zoom in', 'zoomIn'),
    );
  }

  /** Pictures change places while it, or its key, is held. */
  #flipTool(keys: CompareKeys): HTMLElement {
    const made = button('Hold to flip', () => {}, { look: 'quiet', key: keys.flip });
    made.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      made.setPointerCapture(event.pointerId);
      this.hold(true);
    });
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture'] as const) {
      made.addEventListener(end, () => this.hold(false));
    }
    return made;
  }

  #setMode(mode: PictureMode): void {
    this.#preferences.pictures = mode;
    this.#arrange();
    this.#changed();
  }

  #look(lens: Lens): void {
    this.#lens = lens;
    for (const viewport of [...this.#sides, this.#over]) viewport.place();
    this.#press();
  }

  #press(): void {
    const { pictures } = this.#preferences;
    const on: Partial<Record<string, boolean>> = {
      swipe: pictures === 'swipe',
      difference: pictures === 'difference',
      zoom: this.#lens.base === 'pixels',
    };
    for (const made of this.tools.querySelectorAll<HTMLElement>('[aria-pressed]')) {
      made.setAttribute('aria-pressed', String(on[made.dataset.action ?? ''] ?? false));
    }
  }

  get #most(): number {
    return Math.max(...this.comparison.shown.map((response) => picturesOf(response).length));
  }

  #next(): void {
    if (this.#most < 2) return;
    this.#index = (this.#index + 1) % this.#most;
    this.#loaded.fill(undefined);
    this.#arrange();
    for (const side of [0, 1] as const) void this.#load(side);
  }

  async #load(side: 0 | 1): Promise<void> {
    const index = this.#index;
    const path = picturesOf(this.comparison.shown[side])[index];
    let found: Loaded | string;
    try {
      if (path === undefined) throw new Error(`Response ${letters[side]} has no such picture.`);
      const picture = await this.#loader.load(path);
      const image = element('img', { set: { src: picture.url } });
      await image.decode();
      found = { picture, image };
    } catch (error) {
      found = (error as Error).message;
    }
    if (this.#disposed || index !== this.#index) return;
    this.#loaded[side] = found;
    this.#arrange();
    await painted();
    this.#seen ||= typeof found === 'object' || this.#loaded.every((one) => one !== undefined);
  }

  /** Puts what has loaded where the mode says; with the key of `flip` down each stands in the other's place. */
  #arrange(): void {
    const mode = this.#preferences.pictures;
    const [a, b] = this.#loaded;
    const both = typeof a === 'object' && typeof b === 'object';
    const over = mode !== 'sides' && both;
    this.#answers.hidden = over;
    this.#overPane.hidden = !over;
    this.root.classList.toggle('flipped', this.#held);
    if (over) {
      this.#layers = this.#overLayers(a, b, mode);
      this.#over.show(this.#layers);
      fill(this.#legend, ...this.#legendOf(mode));
    } else for (const side of [0, 1] as const) this.#showSide(side);
    this.#press();
  }

  #swipe(): void {
    if (this.#layers[1]) this.#layers[1].from = Number(this.#slider.value) / 100;
    this.#over.place();
  }

  #overLayers(a: Loaded, b: Loaded, mode: PictureMode): Layer[] {
    const [below, above] = this.#held ? [b, a] : [a, b];
    if (mode === 'difference' && !this.#held) return [differenceLayer(a.picture, b.picture, [a.image, b.image])];
    if (mode === 'difference') return [pictureLayer(below.picture, this.#alt(below, 1))];
    const share = Number(this.#slider.value) / 100;
    return [
      pictureLayer(below.picture, this.#alt(below, this.#held ? 1 : 0)),
      pictureLayer(above.picture, this.#alt(above, this.#held ? 0 : 1), share),
    ];
  }

  #legendOf(mode: PictureMode): (HTMLElement | string)[] {
    const letter = (name: string) => element('span', { class: 'letter' }, name);
    const [left, right] = this.#held ? ['B', 'A'] : ['A', 'B'];
    if (mode === 'swipe') return [letter(left), this.#slider, letter(right)];
    return this.#held ? [letter('B')] : ['The brighter, the more differs; black is the same.'];
  }

  #showSide(place: 0 | 1): void {
    const side = this.#held ? 1 - place : place;
    const found = this.#loaded[side];
    const viewport = this.#sides[place];
    const letter = this.#answers.children[place].querySelector('.letter');
    if (letter) fill(letter, letters[side]);
    viewport.show(typeof found === 'object' ? [pictureLayer(found.picture, this.#alt(found, side))] : []);
    if (typeof found === 'object') return;
    viewport.root.append(
      typeof found === 'string'
        ? element(
            'div',
            { class: 'missing' },
            element('p', {}, found),
            button('Try again', () => void this.#load(side as 0 | 1)),
          )
        : element('div', { class: 'missing' }, loading('Loading the picture …')),
    );
  }

  #alt({ picture }: Loaded, side: number): string {
    return `Response ${letters[side]}, a picture of ${picture.width} × ${picture.height} pixels`;
  }
}
