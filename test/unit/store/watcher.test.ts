import assert from 'node:assert/strict';
import fs, { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type Changed, ProjectWatcher } from '../../../server/store/watcher.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('what changes in a project', () => {
  const temporary = temporaryFolder();
  const { watch } = fs;
  afterEach(() => {
    fs.watch = watch;
    syncBuiltinESMExports();
  });

  async function watcherOf(name: string, options: { look?: number; pause?: number } = {}) {
    const folder = join(temporary.path, name);
    mkdirSync(join(folder, 'feedback'), { recursive: true });
    const told: Changed[] = [];
    let heard: () => void = () => undefined;
    const watcher = new ProjectWatcher(folder, {
      places: () => [
        { what: 'config', folder: '', files: /^palate\.json$/ },
        { what: 'feedback', folder: 'feedback', files: /\.jsonl$/ },
      ],
      changed(what) {
        told.push(what);
        heard();
      },
      ...options,
    });
    await watcher.start();
    const next = () =>
      new Promise<void>((resolve) => {
        heard = resolve;
      });
    return { folder, told, next, watcher };
  }

  it('is told without notices of the system too, by looking', async () => {
    fs.watch = (() => {
      throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' });
    }) as typeof fs.watch;
    syncBuiltinESMExports();
    const { folder, told, next, watcher } = await watcherOf('blind', { look: 20 });
    const change = next();
    writeFileSync(join(folder, 'feedback', 'ann.jsonl'), 'x');
    await change;
    assert.deepEqual(told, ['feedback']);
    watcher.close();
  });

  it('a folder that is taken away and comes back is watched again', async () => {
    const { folder, told, next, watcher } = await watcherOf('again', { look: 60_000 });
    writeFileSync(join(folder, 'feedback', 'ann.jsonl'), 'x');
    await next();
    for (let round = 0; round < 3; round++) {
      let change = next();
      rmSync(join(folder, 'feedback'), { recursive: true });
      await change;
      change = next();
      mkdirSync(join(folder, 'feedback'));
      writeFileSync(join(folder, 'feedback', 'ann.jsonl'), 'x'.repeat(round + 2));
      await change;
      change = next();
      writeFileSync(join(folder, 'feedback', 'ben.jsonl'), 'x');
      await change;
    }
    assert.deepEqual(new Set(told), new Set(['feedback']));
    watcher.close();
  });

  it('many changes at once are told once, others not at all', async () => {
    const { folder, told, next, watcher } = await watcherOf('many', { look: 60_000 });
    writeFileSync(join(folder, 'feedback', 'notes.txt'), 'x');
    const change = next();
    for (let k = 0; k < 50; k++) writeFileSync(join(folder, 'feedback', 'ann.jsonl'), 'x'.repeat(k));
    await change;
    const config = next();
    writeFileSync(join(folder, 'palate.json'), '{}');
    await config;
    assert.deepEqual(told, ['feedback', 'config']);
    watcher.close();
  });
});
