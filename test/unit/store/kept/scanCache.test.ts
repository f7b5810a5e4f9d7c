import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { KeptFiles } from '../../../../server/store/kept/keptFiles.ts';
import { ScanCache } from '../../../../server/store/kept/scanCache.ts';
import { LineFile } from '../../../../server/store/lineFile.ts';
import { scan } from '../../../../server/store/scan/scan.ts';
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

  /** What a project keeps, with the key of a person. */
  function keptIn(folder: string, home = join(temporary.path, 'home-of-this-person')) {
    const files = new KeptFiles(folder, home);
    return { cache: new ScanCache(files), close: () => files.close() };
  }

  /** A file of responses in a project of its own, over a megabyte. */
  function project(count = 6000) {
    const folder = newFolder();
    const path = join(folder, 'responses.jsonl');
    writeFileSync(path, Array.from({ length: count }, (_, k) => `${row(k)}\n`).join(''));
    const scans = join(folder, '.palate', 'cache', 'kept');
    const file = () => join(scans, readdirSync(scans)[0]);
    return { folder, path, scans, file };
  }

  /** Everything that a reader of the file gets: ids of rows, and lines that are left to the parser. */
  async function read({ folder, path }: { folder: string; path: string }): Promise<string[]> {
    const got: string[] = [];
    const { cache, close } = keptIn(folder);
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
    await close();
    return got;
  }

  async function loaded(cache: ScanCache, path: string) {
    const pieces = await cache.load(path, 'responses', statSync(path).size);
    const known = [];
    for (const { start, length, read } of pieces) {
      const scanned = await read();
      assert.ok(scanned !== undefined);
      known.push({ start, length, scanned });
    }
    return known;
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
    const { cache, close } = keptIn(own.folder);
    const [{ scanned, ...place }, ...rest] = await loaded(cache, own.path);
    assert.ok(rest.length > 1);
    const ids = `${'0'.repeat(32)}${scanned.ids.slice(32)}`;
    cache.save(own.path, 'responses', [{ ...place, scanned: { ...scanned, ids } }, ...rest]);
    await close();
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

  it('of somebody else are not believed', async () => {
    const [own, other] = [project(), temporary.write('home', '')];
    const first = await read(own);
    // Another person's key, and the same project: every record is whole, and says something else.
    const theirs = keptIn(own.folder, `${other}-theirs`);
    const pieces = (await loaded(keptIn(own.folder).cache, own.path)).map(({ scanned, ...place }) => {
      const textEnds = scanned.textEnds.map((end) => end - 1);
      return { ...place, scanned: { ...scanned, textEnds, ids: '0'.repeat(scanned.ids.length) } };
    });
    theirs.cache.save(own.path, 'responses', pieces);
    await theirs.close();
    assert.equal((await loaded(theirs.cache, own.path)).length, pieces.length, 'they are whole for whoever kept them');
    assert.deepEqual(await read(own), first);
  });

  it('that are no file, or too large for what they are of, are not read', async () => {
    const own = project();
    const first = await read(own);
    const file = own.file();
    const bytes = readFileSync(file);
    rmSync(file);
    if (process.platform !== 'win32') {
      symlinkSync('/dev/zero', file);
      assert.deepEqual(await read(own), first);
      rmSync(file, { force: true });
    }
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(2 * statSync(own.path).size)]));
    assert.deepEqual(await keptIn(own.folder).cache.load(own.path, 'responses', statSync(own.path).size), []);
    // A length that is no number of bytes.
    writeFileSync(file, bytes);
    const wrong = Buffer.from(bytes);
    for (const length of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      wrong.writeDoubleLE(length, 32 + 16);
      writeFileSync(file, wrong);
      assert.deepEqual(await read(own), first, `${length}`);
    }
  });

  it('behind a line that is too long are used all the same', async () => {
    const own = project();
    const long = `${'x'.repeat(17 * 2 ** 20)}\n`;
    writeFileSync(own.path, long + readFileSync(own.path, 'latin1'));
    const first = await read(own);
    const written = statSync(own.file()).mtimeMs;
    assert.deepEqual(await read(own), first);
    assert.equal(statSync(own.file()).mtimeMs, written);
    assert.ok((await loaded(keptIn(own.folder).cache, own.path)).length > 2);
  });

  it('say of the same bytes what they have always said: where this changes, the version of the cache does', () => {
    const decision = [
      '{"v":1,"id":"0f8fad5b-d9cb-469f-a165-70867728950e","at":"2026-01-31T12:00:00.000Z","annotator":"ann"',
      `"event":"decide","prompt":"${'1'.repeat(32)}","responses":["${'2'.repeat(32)}","${'a'.repeat(32)}"]`,
      `"shown":["${'a'.repeat(32)}","${'2'.repeat(32)}"],"choice":"${'a'.repeat(32)}","strength":2,"scale":4`,
      '"aspects":{},"comment":"","ms":1500,"app":"0.1.0"}',
    ].join(',');
    const said = (kind: 'decisions' | 'responses', text: string) =>
      createHash('sha256')
        .update(JSON.stringify(scan(kind, Buffer.from(`${text}\nno row\n`))))
        .digest('hex')
        .slice(0, 16);
    assert.deepEqual(
      [
        ...scan('decisions', Buffer.from(`${decision}\n`)).plain,
        ...scan('responses', Buffer.from(`${row(1)}\n`)).plain,
      ],
      [1, 1],
    );
    assert.deepEqual(
      [said('decisions', decision), said('responses', row(1))],
      ['21065d3cd257d803', '912770fe0b4c5d7a'],
    );
  });

  it('of small files are not kept', async () => {
    const own = project(100);
    await read(own);
    assert.equal(existsSync(own.scans), false);
  });

  it('are of one kind', async () => {
    const folder = newFolder();
    const { cache, close } = keptIn(folder);
    const bytes = Buffer.from('{}\n');
    cache.save('a', 'lines', [{ start: 0, length: 3, scanned: scan('lines', bytes) }]);
    await close();
    const [piece] = await cache.load('a', 'lines', 1e6);
    assert.deepEqual((await piece.read())?.ends, Uint32Array.of(2));
    assert.equal((await cache.load('a', 'decisions', 1e6)).length, 0);
    const scans = join(folder, '.palate', 'cache', 'kept');
    const [name] = readdirSync(scans);
    copyFileSync(join(scans, name), join(scans, name.replace('lines', 'decisions')));
    const [other] = await cache.load('a', 'decisions', 1e6);
    assert.equal(await other.read(), undefined);
  });
});
