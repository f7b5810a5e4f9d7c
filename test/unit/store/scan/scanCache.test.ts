import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { LineFile } from '../../../../server/store/lineFile.ts';
import { scan } from '../../../../server/store/scan/scan.ts';
import { ScanCache } from '../../../../server/store/scan/scanCache.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const row = (k: number) =>
  JSON.stringify({ prompt: `Question ${k >> 2}`, completion: `Answer ${k}. ${'x'.repeat(300)}`, model: `m${k % 3}` });

describe('scans that are kept', () => {
  const temporary = temporaryFolder();
  let number = 0;
  const newFolder = () => {
    const folder = join(temporary.path, `${number++}`);
    mkdirSync(folder);
    return folder;
  };

  /** A file of responses in a project of its own, over a megabyte. */
  function project(count = 6000) {
    const folder = newFolder();
    const path = join(folder, 'responses.jsonl');
    writeFileSync(path, Array.from({ length: count }, (_, k) => `${row(k)}\n`).join(''));
    const scans = join(folder, '.palate', 'cache', 'scans');
    const file = () => join(scans, readdirSync(scans)[0]);
    return { folder, path, scans, file };
  }

  /** Everything that a reader of the file gets: ids of rows, and lines that are left to the parser. */
  async function read({ folder, path }: { folder: string; path: string }): Promise<string[]> {
    const got: string[] = [];
    const cache = new ScanCache(folder);
    const lines = new LineFile<'responses'>(
      path,
      {
        reset: () => got.splice(0),
        scanned: ({ ids, modelOf, models }, k, offset) => {
          got.push(`${offset} ${ids.slice(32 * k, 32 * k + 32)} ${models[modelOf[k]]}`);
          return true;
        },
        line: ({ line, offset, bytes }) => got.push(`${offset} ${line} ${bytes}`),
        unfinished: () => false,
      },
      { kind: 'responses', cache, keeps: true },
    );
    await lines.refresh(statSync(path));
    await cache.close();
    return got;
  }

  async function loaded(cache: ScanCache, path: string) {
    const pieces = await cache.load(path, 'responses');
    return pieces.map(({ length, read }) => {
      const scanned = read();
      assert.ok(scanned !== undefined);
      return { length, scanned };
    });
  }

  /** The same without anything kept. */
  const readAnew = ({ path }: { path: string }) => read({ folder: newFolder(), path });

  it('say what was said before, and are used', async () => {
    const own = project();
    const first = await read(own);
    assert.equal(first.length, 6000);
    assert.equal(readdirSync(own.scans).length, 1);
    const written = statSync(own.file()).mtimeMs;
    assert.deepEqual(await read(own), first);
    assert.equal(statSync(own.file()).mtimeMs, written);

    // They are used: another id that is kept for the same bytes is believed.
    const cache = new ScanCache(own.folder);
    const [{ length, scanned }, ...rest] = await loaded(cache, own.path);
    assert.ok(rest.length > 1);
    const ids = `${'0'.repeat(32)}${scanned.ids.slice(32)}`;
    cache.save(own.path, 'responses', [{ length, scanned: { ...scanned, ids } }, ...rest]);
    await cache.close();
    const [believed, ...others] = await read(own);
    assert.match(believed, /^0 0{32} m0$/);
    assert.deepEqual(others, first.slice(1));
  });

  it('are not used for other bytes, wherever they are', async () => {
    const own = project();
    await read(own);
    const bytes = readFileSync(own.path);
    for (const at of [0, 200, bytes.length >> 1, bytes.length - 100]) {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at] === 0x79 ? 0x7a : 0x79;
      writeFileSync(own.path, changed);
      assert.deepEqual(await read(own), await readAnew(own), `byte ${at}`);
    }
    writeFileSync(own.path, bytes.subarray(0, bytes.length - 5000));
    assert.deepEqual(await read(own), await readAnew(own));
  });

  it('of a file that has grown are used for its beginning, and the rest is read', async () => {
    const own = project();
    await read(own);
    appendFileSync(own.path, `${row(9000)}\n{"prompt": "a", "completion": "b"}\n`);
    const got = await read(own);
    assert.equal(got.length, 6002);
    assert.deepEqual(got, await readAnew(own));
  });

  it('are made anew where their file is damaged anywhere', async () => {
    const own = project();
    const first = await read(own);
    const bytes = readFileSync(own.file());
    for (const at of [0, 33, 100, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1;
      writeFileSync(own.file(), damaged);
      assert.deepEqual(await read(own), first, `byte ${at}`);
    }
    writeFileSync(own.file(), bytes.subarray(0, 20));
    assert.deepEqual(await read(own), first);
  });

  it('that name places which are not there are not used', async () => {
    const own = project();
    const first = await read(own);
    const cache = new ScanCache(own.folder);
    const [{ length, scanned }] = await loaded(cache, own.path);
    const wrong = [
      { textEnds: scanned.textEnds.map(() => length + 1) },
      { promptOf: scanned.promptOf.map(() => scanned.prompts.length) },
      { modelOf: scanned.modelOf.map(() => 200) },
      { ids: scanned.ids.slice(1) },
      { ends: scanned.ends.slice(1) },
      { prompts: [] },
    ];
    for (const change of wrong) {
      cache.save(own.path, 'responses', [{ length, scanned: { ...scanned, ...change } }]);
      await cache.close();
      const [piece] = await cache.load(own.path, 'responses');
      assert.equal(piece.read(), undefined, Object.keys(change)[0]);
      assert.deepEqual(await read(own), first);
    }
  });

  it('of small files are not kept', async () => {
    const own = project(100);
    await read(own);
    assert.equal(existsSync(own.scans), false);
  });

  it('are of one kind', async () => {
    const folder = newFolder();
    const cache = new ScanCache(folder);
    const bytes = Buffer.from('{}\n');
    cache.save('a', 'lines', [{ length: 3, scanned: scan('lines', bytes) }]);
    await cache.close();
    const [piece] = await cache.load('a', 'lines');
    assert.deepEqual(piece.read()?.ends, Uint32Array.of(2));
    assert.equal((await cache.load('a', 'decisions')).length, 0);
    const scans = join(folder, '.palate', 'cache', 'scans');
    const [name] = readdirSync(scans);
    copyFileSync(join(scans, name), join(scans, name.replace('lines', 'decisions')));
    const [other] = await cache.load('a', 'decisions');
    assert.equal(other.read(), undefined);
  });
});
