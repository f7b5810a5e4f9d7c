import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../support/bundle.ts';
import { decideNext, projects, rowsOf } from '../support/project.ts';

describe('palate export', () => {
  const project = projects();
  let program = '';
  before(async () => {
    program = await bundleProgram('server/cli.ts');
  });

  const palate = (cwd: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd, encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  async function labelled() {
    const files = project({ 'responses/a.jsonl': rowsOf(4) });
    const store = await files.open();
    await decideNext(store, 'ann', 2);
    await decideNext(store, 'Ben B.', 1);
    return files;
  }

  it('writes the preferences of the project that the folder is in', async () => {
    const files = await labelled();
    mkdirSync(join(files.folder, 'below'));
    const { status, stdout, stderr } = palate(join(files.folder, 'below'), 'export', 'out.jsonl');
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^3 rows in .*below.out\.jsonl · [\d.]+ s\n$/);
    assert.equal(
      readFileSync(join(files.folder, 'below', 'out.jsonl'), 'utf8')
        .trimEnd()
        .split('\n').length,
      3,
    );
  });

  it('of some annotators, with --json and agreement', async () => {
    const files = await labelled();
    const named = ['--annotator', 'ann', '--annotator', 'Ben B.'];
    const { stdout } = palate(
      '/',
      'export',
      '--project',
      files.folder,
      '--json',
      ...named,
      join(files.folder, 'out.jsonl'),
    );
    const { rows, leftOut, agreement, path } = JSON.parse(stdout);
    assert.deepEqual([rows, leftOut, path], [3, {}, join(files.folder, 'out.jsonl')]);
    assert.deepEqual(
      agreement.annotators.map(({ name, decisions }: { name: string; decisions: number }) => [name, decisions]),
      [
        ['Ben B.', 1],
        ['ann', 2],
      ],
    );
    const one = palate('/', 'export', '--project', files.folder, '--annotator', 'ann', join(files.folder, 'one.jsonl'));
    assert.match(one.stdout, /^2 rows/);
  });

  it('tells what is wrong with the project, and exports the rest', async () => {
    const files = await labelled();
    files.write('responses/b.jsonl', 'oops\n');
    const { status, stdout, stderr } = palate(files.folder, 'export', 'out.jsonl');
    assert.equal(status, 0);
    assert.match(stdout, /^3 rows/);
    assert.match(stderr, /^responses\/b\.jsonl:1: this line is not valid JSON/);
  });

  const refused: [args: string[], sentence: RegExp][] = [
    [['--project', '/', 'out.jsonl'], /^\/ is in no Palate project/],
    [['--annotator', 'bem', 'out.jsonl'], /^There is no annotator "bem" in .*\. Did you mean ben\?/],
    [['out.json'], /should end in \.jsonl/],
    [['feedback/out.jsonl'], /lies among the project's own feedback/],
    [[], /^palate export needs FILE\.jsonl/],
  ];
  for (const [args, sentence] of refused) {
    it(`refuses ${args.join(' ') || 'no file'}`, async () => {
      const files = project({ 'responses/a.jsonl': rowsOf(1) });
      await decideNext(await files.open(), 'ben', 1);
      const { status, stdout, stderr } = palate(files.folder, 'export', ...args);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, sentence);
    });
  }
});
