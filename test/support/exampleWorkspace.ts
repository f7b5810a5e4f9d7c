import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';

/** One line of feedback/*.jsonl, as far as tests look at it. */
export interface FeedbackEvent {
  readonly id: string;
  readonly event: 'decide' | 'skip' | 'undo' | 'redo';
  /** Of an undo or a redo: the decision's or skip's id. */
  readonly of?: string;
  readonly annotator: string;
  readonly responses?: readonly [string, string];
  readonly shown?: readonly [string, string];
  readonly choice?: string;
}

export interface ExampleWorkspace {
  readonly path: string;
  git(...words: string[]): string;
  /** Every event on the disk, in the files' order. */
  feedback(): FeedbackEvent[];
  /** Ids of decisions and skips that were not taken back. */
  standing(): Set<string>;
  remove(): void;
}

/** A copy of the example in a git repository of its own, with one commit. */
export function exampleWorkspace(): ExampleWorkspace {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'palate-example-')));
  cpSync(join(packageRoot(), 'examples'), path, { recursive: true });
  const git = (...words: string[]) => {
    const who = ['-c', 'user.name=Ada Example', '-c', 'user.email=ada@example.org', '-c', 'commit.gpgsign=false'];
    const { status, stdout, stderr } = spawnSync('git', [...who, ...words], { cwd: path, encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message=Example');
  const feedback = () => readFeedback(join(path, 'feedback'));
  return {
    path,
    git,
    feedback,
    standing() {
      const made = new Map<string, boolean>();
      for (const { id, event, of } of feedback()) {
        if (event === 'decide' || event === 'skip') made.set(id, true);
        else if (of !== undefined) made.set(of, event === 'redo');
      }
      return new Set([...made].filter(([, stands]) => stands).map(([id]) => id));
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Empty where nothing was decided yet. */
function readFeedback(folder: string): FeedbackEvent[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as FeedbackEvent);
}
