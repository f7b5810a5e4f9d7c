/** Pictures of the pair on the screen and of those that come next. */

export interface Picture {
  readonly url: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

export interface Loader {
  /** Decoded and ready to be painted. Rejects with a sentence. Asked again after a failure, it tries again. */
  load(path: string): Promise<Picture>;
}

/** Pictures that are kept decoded; a browser drops what no element and no script holds. */
const most = 24;

export function createLoader(ask: (path: string) => Promise<Picture>): Loader {
  const held = new Map<string, { readonly picture: Promise<Picture>; image?: HTMLImageElement }>();
  return {
    load(path) {
      const known = held.get(path);
      held.delete(path);
      if (known) {
        held.set(path, known);
        return known.picture;
      }
      const entry: { picture: Promise<Picture>; image?: HTMLImageElement } = {
        picture: ask(path).then(async (found) => {
          const image = new Image();
          image.src = found.url;
          await image.decode().catch(() => {
            throw new Error(`${path} could not be shown: the browser can't read what was made of it.`);
          });
          entry.image = image;
          return { url: found.url, width: image.naturalWidth, height: image.naturalHeight };
        }),
      };
      held.set(path, entry);
      entry.picture.catch(() => held.delete(path));
      for (const oldest of held.keys()) {
        if (held.size <= most) break;
        held.delete(oldest);
      }
      return entry.picture;
    },
  };
}
