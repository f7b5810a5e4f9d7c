/** A bar on the terminal with the time that is left, for a run of several stages. */

export interface ProgressStage {
  readonly name: string;
  /** What the person reads: "Reward model". */
  readonly title: string;
  /** This stage's share of the whole time, in any unit; used until the stage shows its own pace. */
  readonly weight: number;
}

/** The part of process.stderr that is used. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Default process.stderr: results go to stdout. */
  readonly output?: ProgressOutput;
  /** Milliseconds of a clock that never goes back; default performance.now. */
  readonly now?: () => number;
  /** Where the output is no terminal: the seconds between two lines of one stage, default 15. */
  readonly secondsBetweenLines?: number;
}

const barWidth = 24;
const millisecondsBetweenDraws = 100;

/**
 * Draws on one line of a terminal that it overwrites; anything else (a file, a log) gets a plain line at the beginning
 * and the end of a stage and now and then between. Writes nothing after `close`.
 */
export class Progress {
  private readonly stages: readonly ProgressStage[];
  private readonly output: ProgressOutput;
  private readonly now: () => number;
  private readonly secondsBetweenLines: number;
  private readonly start: number;
  private current = -1;
  private fraction = 0;
  private note = '';
  private stageStart = 0;
  private lastDraw = Number.NEGATIVE_INFINITY;
  private drawn = false;
  private closed = false;

  /** Throws a RangeError where there is no stage or a weight is not above zero. */
  constructor(stages: readonly ProgressStage[], options: ProgressOptions = {}) {
    if (stages.length === 0 || stages.some(({ weight }) => !(weight > 0))) {
      throw new RangeError('Progress needs at least one stage, each with a weight above zero.');
    }
    this.stages = stages;
    this.output = options.output ?? process.stderr;
    this.now = options.now ?? (() => performance.now());
    this.secondsBetweenLines = options.secondsBetweenLines ?? 15;
    this.start = this.now();
  }

  /** Starts the named stage; the one before counts as done. Throws where no such stage is left. */
  begin(name: string): void {
    const index = this.stages.findIndex((stage, at) => at > this.current && stage.name === name);
    if (index < 0) throw new RangeError(`No stage "${name}" is left to begin.`);
    if (this.closed) return;
    this.finishStage();
    this.current = index;
    this.fraction = 0;
    this.note = '';
    this.stageStart = this.now();
    this.lastDraw = Number.NEGATIVE_INFINITY;
    if (this.output.isTTY) this.draw();
    else {
      this.lastDraw = this.stageStart;
      this.output.write(`${this.heading()} …\n`);
    }
  }

  /** How much of the stage is done, 0 to 1 (what is outside is cut), and a word on it: "step 3 of 50". */
  update(fraction: number, note = ''): void {
    if (this.closed || this.current < 0) return;
    this.fraction = Math.min(1, Math.max(0, Number.isFinite(fraction) ? fraction : 0));
    this.note = note;
    const waited = this.now() - this.lastDraw;
    if (waited < (this.output.isTTY ? millisecondsBetweenDraws : this.secondsBetweenLines * 1000)) return;
    this.draw();
  }

  /** A line that stays, above the bar. */
  say(line: string): void {
    if (this.closed) return;
    this.clear();
    this.output.write(`${line}\n`);
    if (this.output.isTTY && this.current >= 0) this.draw();
  }

  /** Takes the bar away, the last stage counting as done, and leaves `line` if there is one. May be called twice. */
  close(line = ''): void {
    if (this.closed) return;
    this.finishStage();
    this.stop(line);
  }

  /** As `close`, but the stage under way is not called done. */
  stop(line = ''): void {
    if (this.closed) return;
    this.clear();
    this.closed = true;
    if (line) this.output.write(`${line}\n`);
  }

  /** Seconds that are left, or undefined while too little is known. */
  secondsLeft(): number | undefined {
    if (this.current < 0) return undefined;
    const now = this.now();
    const weight = this.stages[this.current].weight;
    const before = total(this.stages.slice(0, this.current));
    const after = total(this.stages.slice(this.current + 1));
    const elapsed = (now - this.start) / 1000;
    const done = before + weight * this.fraction;
    if (elapsed < 1 || done < 0.02 * (before + weight + after)) return undefined;
    const secondsPerWeight = elapsed / done;
    const own = (now - this.stageStart) / 1000;
    // A stage that has shown its pace is believed more than its weight.
    const paced = this.fraction >= 0.1 && own >= 1;
    const rest = paced ? (own / this.fraction) * (1 - this.fraction) : weight * (1 - this.fraction) * secondsPerWeight;
    return rest + after * secondsPerWeight;
  }

  private finishStage(): void {
    if (this.current < 0) return;
    this.clear();
    const seconds = (this.now() - this.stageStart) / 1000;
    this.output.write(`${this.heading()}: done in ${duration(seconds)}\n`);
  }

  private heading(): string {
    return `[${this.current + 1}/${this.stages.length}] ${this.stages[this.current].title}`;
  }

  private draw(): void {
    this.lastDraw = this.now();
    const left = this.secondsLeft();
    const parts = [`${Math.floor(this.fraction * 100)} %`];
    if (this.note) parts.push(this.note);
    if (left !== undefined) parts.push(`about ${duration(left)} left in all`);
    if (!this.output.isTTY) {
      this.output.write(`${this.heading()}: ${parts.join(', ')}\n`);
      return;
    }
    const full = Math.round(this.fraction * barWidth);
    const bar = '█'.repeat(full) + '░'.repeat(barWidth - full);
    const line = `${this.heading()} ${bar} ${parts.join(' · ')}`;
    // One column is left free: a line that fills the last one wraps on some terminals and could not be overwritten.
    const shown = Array.from(line).slice(0, Math.max(10, (this.output.columns ?? 80) - 1));
    this.output.write(`\r${shown.join('')}\x1b[K`);
    this.drawn = true;
  }

  private clear(): void {
    if (this.drawn) this.output.write('\r\x1b[K');
    this.drawn = false;
  }
}

const total = (stages: readonly ProgressStage[]) => stages.reduce((sum, { weight }) => sum + weight, 0);

/** "8 s", "1 min 05 s", "2 h 03 min" */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
