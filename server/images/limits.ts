/** What a picture may cost. The server and its child hold both to them. */
export const limits = {
  /** Bytes of the file as it is in the project. */
  fileBytes: 64 * 1024 * 1024,
  /** Pixels as the header says them, before anything is decoded; of an animation: of all frames that are kept. */
  pixels: 64_000_000,
  /** Longest edge of what is written. Larger pictures are scaled down. */
  edge: 4096,
  /** Frames of an animation; longer ones show their first frame. */
  frames: 200,
  /** Up to so many pixels nothing is lost (PNG); beyond, WebP at a quality that nobody tells apart. */
  losslessPixels: 4_200_000,
  /** Bytes of what is written. */
  outputBytes: 48 * 1024 * 1024,
  /** From the request to the answer, the start of the child included. */
  seconds: 10,
  /** The child ends when nobody has asked for so long. */
  idleSeconds: 5,
  /** Memory of the child that it can write to: 64 million pixels of AVIF take 1.2 GB. */
  childBytes: 1536 * 1024 * 1024,
  /** Of the child's JavaScript, which holds the file and what is written. */
  childHeapMegabytes: 192,
  /** Of a project's prepared pictures; the ones that were not looked at for longest go first. */
  cacheBytes: 512 * 1024 * 1024,
  cacheFiles: 5000,
} as const;
