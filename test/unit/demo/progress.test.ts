import assert from 'node:assert/strict';
import { duration, Progress, type ProgressOutput } from '../../../server/demo/progress.ts';

class Terminal implements ProgressOutput {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  constructor(isTTY: boolean, columns?: number) {
    this.isTTY = isTTY;
    this.columns = columns;
  }
  write(text: string): void {
    this.text += text;
  }
  /** What a person sees: each line after all its returns and erasures. */
  get lines(): string[] {
    return this.text.split('\n').map((line) => line.split('\r').at(-1)!.replace('\x1b[K', ''));
  }
}

const stages = [
  { name: 'sft', title: 'Fine-tuning', weight: 1 },
  { name: 'reward', title: 'Reward model', weight: 1 },
  { name: 'ppo', title: 'PPO', weight: 2 },
];

function started(isTTY: boolean, columns?: number) {
  const terminal = new Terminal(isTTY, columns);
  const clock = { ms: 0 };
  const progress = new Progress(stages, { output: terminal, now: () => clock.ms });
  return { terminal, clock, progress };
}

describe('progress on a terminal', () => {
  it('redraws one line with stage, share, note and time left, and leaves a line a stage', () => {
    const { terminal, clock, progress } = started(true);
    progress.begin('sft');
    clock.ms = 5_000;
    progress.update(0.5, 'step 5 of 10');
    assert.deepEqual(
      terminal.lines,
      ['[1/3] Fine-tuning ████████████░░░░░░░░░░░░ 50 % · step 5 of 10 · about 35 s left in all'].map((line) =>
        line.slice(0, 79),
      ),
    );
    clock.ms = 10_000;
    progress.begin('reward');
    assert.equal(terminal.lines[0], '[1/3] Fine-tuning: done in 10 s');
    assert.match(terminal.lines[1], /^\[2\/3\] Reward model ░{24} 0 %/);
    progress.close('Report: demo.html');
    assert.deepEqual(terminal.lines.slice(1), ['[2/3] Reward model: done in 0 s', 'Report: demo.html', '']);
  });

  it('cuts the line to the width of the terminal', () => {
    const { terminal, clock, progress } = started(true, 30);
    progress.begin('sft');
    clock.ms = 5_000;
    progress.update(0.5, 'a long word on what is happening');
    for (const drawn of terminal.text.split('\r')) assert.ok(drawn.replace('\x1b[K', '').length <= 29, drawn);
  });

  it('draws at most ten times a second', () => {
    const { terminal, clock, progress } = started(true);
    progress.begin('sft');
    for (let step = 0; step < 1000; step++) {
      clock.ms += 1;
      progress.update(step / 1000);
    }
    // Once at the beginning, then at 100, 200 … 1000 ms.
    assert.equal(terminal.text.split('\r').length - 1, 11);
  });

  it('says a line above the bar', () => {
    const { terminal, progress } = started(true);
    progress.begin('sft');
    progress.say('a notice');
    assert.deepEqual([terminal.lines[0], terminal.lines[1].slice(0, 17)], ['a notice', '[1/3] Fine-tuning']);
  });
});

describe('progress in a file', () => {
  it('writes plain lines: at the ends of a stage, and now and then', () => {
    const { terminal, clock, progress } = started(false);
    progress.begin('sft');
    for (let second = 1; second <= 20; second++) {
      clock.ms = second * 1000;
      progress.update(second / 20, `step ${second}`);
    }
    progress.close();
    assert.deepEqual(terminal.lines, [
      '[1/3] Fine-tuning …',
      '[1/3] Fine-tuning: 75 %, step 15, about 1 min 05 s left in all',
      '[1/3] Fine-tuning: done in 20 s',
      '',
    ]);
    assert.ok(!terminal.text.includes('\r') && !terminal.text.includes('\x1b'));
  });
});

describe('time left', () => {
  it('is unknown at first, then follows the weights, then the stage’s own pace', () => {
    const { clock, progress } = started(true);
    assert.equal(progress.secondsLeft(), undefined);
    progress.begin('sft');
    clock.ms = 500;
    progress.update(0.01);
    assert.equal(progress.secondsLeft(), undefined);
    clock.ms = 10_000;
    progress.update(1);
    assert.equal(progress.secondsLeft(), 30);
    progress.begin('reward');
    assert.equal(progress.secondsLeft(), 30);
    // Slower than its weight said: 20 s for half of it, 20 s for the rest; PPO at 30 s for 1.5 weights, twice.
    clock.ms = 30_000;
    progress.update(0.5);
    assert.equal(progress.secondsLeft(), 20 + 40);
  });

  it('reads in words', () => {
    assert.deepEqual([0, 8.4, 59.6, 65, 3599, 7380].map(duration), [
      ...['0 s', '8 s', '1 min 00 s', '1 min 05 s', '59 min 59 s', '2 h 03 min'],
    ]);
  });
});

describe('progress refuses', () => {
  it('no stages, weights that are not above zero, and stages out of order', () => {
    assert.throws(() => new Progress([]), RangeError);
    assert.throws(() => new Progress([{ name: 'a', title: 'A', weight: 0 }]), RangeError);
    const { progress } = started(false);
    progress.begin('reward');
    assert.throws(() => progress.begin('sft'), /No stage "sft"/);
    assert.throws(() => progress.begin('other'), RangeError);
  });

  it('to write after its end, and takes odd fractions for what they can mean', () => {
    const { terminal, clock, progress } = started(false);
    progress.begin('sft');
    clock.ms = 60_000;
    progress.update(Number.NaN);
    clock.ms = 120_000;
    progress.update(7);
    assert.deepEqual(
      terminal.lines.slice(1, 3).map((line) => line.match(/\d+ %/)?.[0]),
      ['0 %', '100 %'],
    );
    progress.close('end');
    const before = terminal.text;
    progress.update(1);
    progress.say('late');
    progress.begin('ppo');
    progress.close('again');
    progress.stop('again');
    assert.equal(terminal.text, before);
  });
});
