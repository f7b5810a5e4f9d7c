import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { packageRoot } from '../../server/paths.ts';
import { bundleProgram } from '../support/bundle.ts';
import { adapterHashes } from '../support/killResume.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('palate', () => {
  const temporary = temporaryFolder();
  let program = '';
  let engine = '';
  let rows = '';
  before(async () => {
    [program, engine] = await Promise.all(['test/support/fakeCli.ts', 'test/support/fakeEngine.ts'].map(bundleProgram));
    rows = temporary.write('rows.jsonl', '{"prompt":"p"}\n');
  });

  function start(...args: string[]): ChildProcess {
    const home = join(temporary.path, 'home');
    const env = { ...process.env, npm_lifecycle_event: undefined, PALATE_DEBUG: undefined, PALATE_HOME: home };
    return spawn(process.execPath, [program, engine, ...args], {
      cwd: temporary.path,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function outcome(child: ChildProcess): Promise<Outcome> {
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (text) => {
      stdout += text;
    });
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    return { code, stdout, stderr };
  }

  /** Resolves as soon as the stream has shown `pattern`. */
  const printed = (stream: Readable | null, pattern: RegExp) =>
    new Promise<void>((resolve) => {
      let text = '';
      stream?.on('data', (part) => {
        text += part;
        if (pattern.test(text)) resolve();
      });
    });

  const run = (...args: string[]) => outcome(start(...args));
  const jsonLines = ({ stdout }: Outcome) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  describe('generate', () => {
    it('--json: rows, then the summary, and nothing else on stdout', async () => {
      const found = await run('generate', '--model', 'm', '--samples', '2', '--max-new-tokens', '3', '--json', rows);
      assert.equal(found.code, 0, found.stderr);
      const lines = jsonLines(found);
      assert.deepEqual(
        lines.slice(0, 2).map(({ row, sample }) => [row, sample]),
        [
          [0, 0],
          [0, 1],
        ],
      );
      assert.deepEqual(Object.keys(lines[0]), ['row', 'sample', 'text', 'ids', 'logps', 'finished']);
      const { seconds, ...summary } = lines[2];
      assert.deepEqual(summary, { rows: 1, answers: 2, tokens: 2, finished: 2 });
      assert.ok(seconds > 0 && lines.length === 3);
      assert.match(found.stderr, /Generating/);
    });

    it('without --json text for a person, in which nothing controls the terminal', async () => {
      const { code, stdout } = await run('generate', '--model', 'a\u001b]52;c;x\u0007\u009b1m', '--greedy', rows);
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^\[row 0, sample 0, 1 tokens\]\na\\u001b\]52;c;x\\u0007\\u009b1m\n\n1 rows, 1 answers \(1 finished\), 1 tokens · [\d.]+ s\n$/,
      );
    });

    it('ends quietly when nobody reads any more', async () => {
      const child = start('generate', '--model', 'm', '--samples', '100000', '--json', rows);
      const ended = outcome(child);
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      child.stdout?.destroy();
      const { code, stderr } = await ended;
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /EPIPE|Error/);
    });

    it('Ctrl+C stops it: 130', async () => {
      const child = start('generate', '--model', 'endless', '--json', rows);
      const ended = outcome(child);
      await once(child.stderr as NodeJS.ReadableStream, 'data');
      child.kill('SIGINT');
      const { code, stdout, stderr } = await ended;
      assert.deepEqual([code, stdout], [130, '']);
      assert.match(stderr, /Stopping/);
    });
  });

  it('score and evaluate', async () => {
    const scored = await run('score', '--model', 'm', '--adapter', 'r', '--json', rows);
    assert.deepEqual(Object.keys(jsonLines(scored)[0]), ['rows', 'rewards', 'mean', 'deviation', 'seconds']);
    const evaluated = await run('evaluate', '--model', 'm', rows);
    assert.match(evaluated.stdout, /^loss NaN nats a token, perplexity Infinity, 0 tokens · /);
    assert.match(evaluated.stderr, /nothing to evaluate/);
  });

  it('model export: a command of two words', async () => {
    const model = join(packageRoot(), 'test/support/golden/tied');
    const out = join(temporary.path, 'exported.gguf');
    const args = ['model', 'export', '--model', model, '--adapter', join(model, 'adapter'), '--out', out];
    const { code, stdout, stderr } = await run(...args, '--json');
    assert.equal(code, 0, stderr);
    const { seconds, bytes, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, { out, format: 'gguf-f16', parameters: 17_568 });
    assert.deepEqual([bytes, seconds > 0], [statSync(out).size, true]);
    const again = await run(...args);
    assert.deepEqual([again.code, again.stdout], [1, '']);
    assert.match(again.stderr, /exported\.gguf is there already/);
    assert.match(
      (await run('model', '--help')).stderr,
      /^palate model needs a second word: model add, model list, model remove, model export\.\n$/,
    );
    const help = await run('model', 'export', '--help');
    assert.match(help.stdout, /^palate model export: .*\n\nUsage: palate model export --model MODEL /);
  });

  describe('train', () => {
    const config = (value: object) =>
      temporary.write(`config-${JSON.stringify(value).length}.json`, JSON.stringify(value));
    const args = (out: string, value: object) => [
      'train',
      '--stage',
      'all',
      '--model',
      'm',
      '--data',
      rows,
      '--out',
      out,
      '--config',
      config(value),
      '--json',
    ];

    it('--json: metrics, then the summary', async () => {
      const found = await run(...args('run-json', { steps: 3 }));
      assert.equal(found.code, 0, found.stderr);
      const lines = jsonLines(found);
      assert.deepEqual(Object.keys(lines[1]), ['stage', 'step', 'steps', 'loss']);
      const { status, out, stages, seconds } = lines.at(-1);
      assert.deepEqual(
        [status, out, stages.length, typeof seconds],
        ['done', join(temporary.path, 'run-json'), 3, 'number'],
      );
      assert.match(found.stderr, /\[3\/3\] PPO/);
      assert.deepEqual(readdirSync(out).sort(), [
        'checkpoints',
        'manifest.json',
        'metrics.jsonl',
        'policy',
        'reward',
        'samples.jsonl',
        'sft',
      ]);
    });

    it('Ctrl+C saves, then stops, and the command that it prints ends with the same bytes', async () => {
      const value = { steps: 40, wait: 5 };
      const whole = run(...args('run-whole', value));
      const child = start(...args('run stopped', value));
      const ended = outcome(child);
      await printed(child.stdout, /"step":3,"steps"/);
      child.kill('SIGINT');
      const { code, stderr } = await ended;
      assert.equal(code, 130);
      assert.match(stderr, /Stopping after this step, and saving/);
      const resume = /To go on: palate (.*)$/m.exec(stderr)?.[1] ?? '';
      assert.match(resume, /^train .*'run stopped'.* --resume$/);
      assert.equal(
        JSON.parse(readFileSync(join(temporary.path, 'run stopped', 'manifest.json'), 'utf8')).status,
        'paused',
      );
      const words = [...resume.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
      const resumed = await run(...words);
      assert.equal(resumed.code, 0, resumed.stderr);
      await whole;
      assert.deepEqual(
        adapterHashes(join(temporary.path, 'run stopped')),
        adapterHashes(join(temporary.path, 'run-whole')),
      );
    });

    it('a second Ctrl+C does not wait', async () => {
      const child = start(...args('run-killed', { steps: 3, wait: 600_000 }));
      const ended = outcome(child);
      await printed(child.stdout, /eval_loss/);
      child.kill('SIGINT');
      await printed(child.stderr, /Stopping/);
      // Signals that follow at once belong to the same key press (npm repeats them), so it takes more than one.
      const again = setInterval(() => child.kill('SIGINT'), 100);
      const { code } = await ended;
      clearInterval(again);
      assert.equal(code, 130);
      assert.ok(existsSync(join(temporary.path, 'run-killed', 'manifest.json')));
    });
  });

  describe('tells in one sentence, with code 1', () => {
    const model = ['--model', 'm'];
    const cases: [args: string[], sentence: RegExp][] = [
      [['generat'], /^palate has no command "generat"\. Did you mean generate\?$/],
      [['xyz'], /^palate has no command "xyz"\. The commands are: /],
      [['generate', '--modle', 'm', 'a'], /^palate generate has no flag --modle\. Did you mean --model\?$/],
      [['generate', ...model, '--greedy', '--temperature', '1', 'a'], /^--greedy and --temperature exclude each other/],
      [['generate', ...model, '--greedy', '--top-k', '3', 'a'], /^--greedy and --top-k exclude each other/],
      [['demo', '--engine', 'tensorflow'], /^The TensorFlow engine has no native part on this machine: run `npm run/],
      [['train', '--stage', 'sft', '--engine', 'torch'], /^--engine is one of onnx, tensorflow, not "torch"\.$/],
      [['train', '--stage', 'sft', '--precision', 'int4'], /^--precision is one of float32, int8-base, not "int4"\.$/],
      [['generate', ...model, '--top-p', '2', 'a'], /^--top-p takes a number above 0 and at most 1, not "2"/],
      [['generate', '--model', 'missing', 'a'], /^missing: there is no such model\.$/],
      [
        ['train', '--stage', 'sft', ...model, '--data', 'd', '--out', 'o', '--config', 'none.json'],
        /^Cannot read none\.json: there is no such file\.$/,
      ],
      [['train', '--stage', 'sft', ...model, '--data', 'd', '--out', 'o'], /^Cannot read the data file d: /],
      [
        ['train', '--stage', 'sft', ...model, '--data', 'd', '--out', 'o', '--resume'],
        /^There is no run in .*o to go on with\./,
      ],
    ];
    for (const [args, sentence] of cases) {
      it(args.join(' '), async () => {
        const { code, stdout, stderr } = await run(...args);
        // Where the engine had begun, its bar comes first.
        const last = stderr.trim().split('\n').at(-1) ?? '';
        assert.match(last, sentence);
        assert.deepEqual([code, stdout], [1, '']);
        assert.doesNotMatch(stderr, /\n {4}at /);
      });
    }
  });

  it('shows a stack for its own faults, with code 2', async () => {
    const { code, stderr } = await run('generate', '--model', 'broken', rows);
    assert.equal(code, 2);
    assert.match(stderr, /TypeError: a fault of the engine\n +at /);
    const crashed = await run('generate', '--model', 'crash', rows);
    assert.equal(crashed.code, 2);
    assert.match(crashed.stderr, /The engine crashed \(SIGABRT\)\.\nIts last lines:\n {2}last words\n$/);
  });

  it('--help for the program and each command', async () => {
    const overview = await run('--help');
    assert.equal(overview.code, 0);
    const names = [...overview.stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name);
    for (const name of ['generate', 'evaluate', 'train', 'score', 'demo']) assert.ok(names.includes(name), name);
    for (const name of names) {
      const { code, stdout, stderr } = await run(name, '--help');
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`^palate ${name}: .*\n\nUsage: palate ${name} `));
    }
  });
});
