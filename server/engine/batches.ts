/** One sequence of tokens, and the places whose hidden state the loss or the score reads. */
export interface Row {
  readonly ids: readonly number[];
  /** Indices into `ids`, rising. */
  readonly reads: readonly number[];
}

/** The static shape of a graph: B lines of T tokens, P places that are read. */
export interface Bucket {
  readonly batch: number;
  readonly time: number;
  readonly reads: number;
}

/** Rows laid out in one bucket, ready to be fed. */
export interface PackedBatch {
  /** Which of the given rows lie here, and where the reads of each begin among the bucket's P. */
  readonly rows: readonly { readonly row: number; readonly start: number; readonly count: number }[];
  readonly feeds: {
    readonly ids: Int32Array; // [B·T]
    readonly positions: Int32Array; // [B·T]
    readonly segments: Int32Array; // [B, T]
    readonly index: Int32Array; // [P], into B·T; unused places read the first token, with weight 0
  };
}

const timeStep = 16;
const readStep = 256;

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/** Buckets come in few sizes, so that few graphs are built: about `tokens` tokens in lines that hold `longest`. */
export function linesFor(longest: number, tokens: number): { readonly batch: number; readonly time: number } {
  const time = roundUp(longest, timeStep);
  return { batch: Math.max(1, Math.floor(tokens / time)), time };
}

/** The places of a bucket into which `count` reads go. */
export const readsFor = (count: number) => roundUp(count, readStep);

/**
 * A bucket of about `tokens` tokens that holds the longest row, and the reads of any micro-batch that `pack` makes of
 * these rows.
 */
export function bucketFor(rows: readonly Row[], tokens: number): Bucket {
  const longest = rows.reduce((length, { ids }) => Math.max(length, ids.length), 1);
  const { batch, time } = linesFor(longest, tokens);
  const packed = pack(rows, { batch, time, reads: Number.POSITIVE_INFINITY });
  const reads = packed.reduce((most, { rows: placed }) => Math.max(most, countReads(placed)), 1);
  return { batch, time, reads: readsFor(reads) };
}

/**
 * How many lines a bucket has, of at most `most`, so that `passes(lines)` of them cost least: a micro-batch that is half
 * empty takes as long as a full one.
 */
export function cheapestLines(most: number, passes: (lines: number) => number): number {
  let best = { lines: most, cost: Number.POSITIVE_INFINITY };
  for (let lines = most; lines > 0; lines--) {
    const cost = passes(lines) * (lines + passCost);
    if (cost < best.cost) best = { lines, cost };
  }
  return best.lines;
}

/** What a pass costs besides its lines, in lines. */
const passCost = 0.5;

/**
 * The bucket with the lines in which these groups of rows, each packed by itself, take least, and the reads that they then
 * have; any one of the rows still fits.
 */
export function suitedTo(groups: readonly (readonly Row[])[], bucket: Bucket, options: PackOptions = {}): Bucket {
  const packed = (batch: number) => groups.flatMap((rows) => lay(rows, { ...bucket, batch }, options));
  const batch = cheapestLines(bucket.batch, (lines) => packed(lines).length / groups.length);
  const counts = [...packed(batch).map((open) => open.reads), ...groups.flat().map((row) => row.reads.length)];
  const reads = counts.reduce((most, count) => Math.max(most, count), 1);
  return { ...bucket, batch, reads: Math.min(bucket.reads, readsFor(reads)) };
}

const countReads = (placed: PackedBatch['rows']) => placed.reduce((sum, { count }) => sum + count, 0);

/**
 * Lays rows out in as few buckets as going through them in order allows: each row goes to the first line with room. A
 * line holds several rows as segments of their own: positions restart, and attention does not cross. With
 * `separate` each row gets a line of its own. Throws a RangeError where a row does not fit into any bucket.
 */
export function pack(rows: readonly Row[], bucket: Bucket, options: PackOptions = {}): PackedBatch[] {
  return lay(rows, bucket, options).map((batch) => finish(batch, bucket));
}

export interface PackOptions {
  /** Each row gets a line of its own. */
  readonly separate?: boolean;
}

function lay(rows: readonly Row[], bucket: Bucket, options: PackOptions): OpenBatch[] {
  const batches: OpenBatch[] = [];
  rows.forEach((row, k) => {
    if (row.ids.length > bucket.time || row.reads.length > bucket.reads) {
      throw new RangeError(
        `Row ${k} has ${row.ids.length} tokens and ${row.reads.length} reads; the bucket holds ${bucket.time} and ${bucket.reads}.`,
      );
    }
    const open = batches.at(-1);
    if (open !== undefined && place(open, row, k, bucket, options.separate ?? false)) return;
    const fresh = emptyBatch(bucket);
    place(fresh, row, k, bucket, false);
    batches.push(fresh);
  });
  return batches;
}

interface OpenBatch {
  /** Tokens and segments in each line so far. */
  readonly lines: { used: number; segments: number }[];
  readonly placed: {
    row: number;
    start: number;
    count: number;
    line: number;
    at: number;
    source: Row;
    segment: number;
  }[];
  reads: number;
}

function emptyBatch({ batch }: Bucket): OpenBatch {
  return { lines: Array.from({ length: batch }, () => ({ used: 0, segments: 0 })), placed: [], reads: 0 };
}

function place(open: OpenBatch, source: Row, row: number, bucket: Bucket, separate: boolean): boolean {
  if (open.reads + source.reads.length > bucket.reads) return false;
  const line = open.lines.findIndex(({ used }) => (separate ? used === 0 : used + source.ids.length <= bucket.time));
  if (line < 0) return false;
  const slot = open.lines[line];
  const segment = ++slot.segments;
  open.placed.push({ row, start: open.reads, count: source.reads.length, line, at: slot.used, source, segment });
  slot.used += source.ids.length;
  open.reads += source.reads.length;
  return true;
}

function finish({ placed, reads }: OpenBatch, { batch, time, reads: limit }: Bucket): PackedBatch {
  const ids = new Int32Array(batch * time);
  const positions = new Int32Array(batch * time);
  const segments = new Int32Array(batch * time);
  const index = new Int32Array(Number.isFinite(limit) ? limit : reads);
  for (const { source, line, at, start, segment } of placed) {
    const offset = line * time + at;
    ids.set(source.ids, offset);
    source.ids.forEach((_, k) => {
      positions[offset + k] = k;
    });
    segments.fill(segment, offset, offset + source.ids.length);
    source.reads.forEach((read, k) => {
      index[start + k] = offset + read;
    });
  }
  return {
    rows: placed.map(({ row, start, count }) => ({ row, start, count })),
    feeds: { ids, positions, segments, index },
  };
}
