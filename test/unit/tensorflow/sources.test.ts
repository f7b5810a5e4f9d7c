import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSource } from '../../../server/tensorflow/sources.ts';
import {
  eagerHeader,
  fakeLibrary,
  frameworkLibrary,
  libtensorflowFiles,
  mainLibrary,
  recordedWork,
  recordText,
  type TarEntry,
  tarballOf,
  wheelOf,
  writeTree,
  zipOf,
} from '../../support/fakeTensorflow.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('a libtensorflow that a person has', () => {
  const folder = temporaryFolder();
  const libraries = [...new Set([mainLibrary, frameworkLibrary])];
  const otherPlatform = process.platform === 'linux' ? 'darwin' : 'linux';
  const total = libraries.length * fakeLibrary('').length;
  let count = 0;

  function newFolder(): string {
    const path = join(folder.path, String(++count));
    mkdirSync(path);
    return path;
  }
  const write = (name: string, content: Buffer) => folder.write(`${++count}-${name}`, content);

  /** Unpacks into new folders and answers them. */
  async function unpack(path: string, work = recordedWork()) {
    const target = { libraries: newFolder(), scratch: newFolder() };
    const source = await openSource(path);
    try {
      return { ...target, include: await source.unpack(target, work), sizes: source.libraries, work };
    } finally {
      source.close();
    }
  }

  function assertUnpacked({ libraries: place, include }: { libraries: string; include: string }): void {
    assert.deepEqual(readdirSync(place).sort(), [...libraries].sort());
    assert.ok(readFileSync(join(place, mainLibrary)).equals(libtensorflowFiles('').get(mainLibrary)!));
    assert.equal(readFileSync(join(include, eagerHeader), 'utf8'), '// the C API');
  }

  describe('a folder', () => {
    for (const [what, inner] of [
      ['the C distribution', 'lib/'],
      ['the Python package', ''],
      ['the folder above the Python package', 'tensorflow/'],
    ]) {
      it(`${what}: the libraries are copied, the headers stay`, async () => {
        const path = newFolder();
        const files = [...libtensorflowFiles(inner)];
        writeTree(
          path,
          files.map(([name, content]) => [name.replace('lib/include', 'include'), content] as const),
        );
        const { work, ...unpacked } = await unpack(path);
        assertUnpacked(unpacked);
        assert.ok(unpacked.include.startsWith(path));
        assert.equal(unpacked.sizes?.get(mainLibrary), fakeLibrary('').length);
        assert.deepEqual(work.sizes.at(-1), [total, total]);
      });
    }

    it('follows links to the versioned files, and copies what they lead to', async function () {
      if (process.platform !== 'linux') skip(this, 'links to versioned libraries are what Linux has');
      const path = newFolder();
      mkdirSync(join(path, 'lib'));
      for (const stem of ['libtensorflow', 'libtensorflow_framework']) {
        writeFileSync(join(path, 'lib', `${stem}.so.2.9.1`), fakeLibrary(stem));
        symlinkSync(`${stem}.so.2.9.1`, join(path, 'lib', `${stem}.so`));
        symlinkSync('nowhere', join(path, 'lib', `${stem}.so.1`));
      }
      writeTree(path, [[`include/${eagerHeader}`, Buffer.from('')]]);
      const { libraries: place } = await unpack(path);
      assert.deepEqual(readdirSync(place).sort(), ['libtensorflow.so.2', 'libtensorflow_framework.so.2']);
      assert.ok(readFileSync(join(place, 'libtensorflow.so.2')).equals(fakeLibrary('libtensorflow')));
    });

    it('without the headers', async function () {
      if (process.platform === 'win32') skip(this, 'on Windows nothing is compiled, and there is one library');
      const path = newFolder();
      writeTree(
        path,
        libraries.map((name) => [name, fakeLibrary('')] as const),
      );
      await assert.rejects(openSource(path), /not the header include\/tensorflow\/c\/eager\/c_api\.h/);
    });

    it('for another processor', async () => {
      const path = newFolder();
      const arch = process.arch === 'x64' ? 'arm64' : 'x64';
      const files = libtensorflowFiles('').set(mainLibrary, fakeLibrary('', process.platform, arch));
      writeTree(path, files);
      await assert.rejects(
        openSource(path),
        new RegExp(`built for ${process.platform}-${arch}, but this machine needs`),
      );
    });

    it('whose library is none', async () => {
      const path = newFolder();
      writeTree(path, libtensorflowFiles('').set(mainLibrary, Buffer.from('INPUT ( -ltensorflow )')));
      await assert.rejects(openSource(path), /is no shared library/);
    });

    it('with only one of the two libraries', async function () {
      if (process.platform === 'win32') skip(this, 'on Windows nothing is compiled, and there is one library');
      const path = newFolder();
      writeTree(path, [[mainLibrary, fakeLibrary('')]]);
      await assert.rejects(openSource(path), (error: Error) =>
        error.message.includes(`holds only ${mainLibrary}, but`),
      );
    });
  });

  describe('a wheel', () => {
    it('what is needed is unpacked, and held against its RECORD', async () => {
      const path = write('tensorflow_cpu.whl', wheelOf(libtensorflowFiles('tensorflow/')));
      const { work, ...unpacked } = await unpack(path);
      assertUnpacked(unpacked);
      assert.equal(unpacked.sizes?.get(mainLibrary), fakeLibrary('').length);
      assert.equal(existsSync(join(unpacked.include, 'tensorflow/python/unneeded.h')), false);
      const bytes = total + '// the C API'.length;
      assert.deepEqual([work.stages, work.sizes.at(-1)], [['unpack'], [bytes, bytes]]);
    });

    it('cut off', async () => {
      const whole = wheelOf(libtensorflowFiles('tensorflow/'));
      const path = write('cut.whl', whole.subarray(0, whole.length - 500));
      await assert.rejects(unpack(path), /cut\.whl is broken \(.*\): get it again\./);
    });

    it('with a damaged library', async () => {
      const files = libtensorflowFiles('tensorflow/');
      const record = recordText(files);
      files.set(`tensorflow/${mainLibrary}`, fakeLibrary('damaged'));
      const path = write('damaged.whl', zipOf([...files, ['a.dist-info/RECORD', record]]));
      await assert.rejects(unpack(path), /its checksum is not the one written there/);
    });

    it('with a library that its RECORD does not know', async () => {
      const files = libtensorflowFiles('tensorflow/');
      const path = write('unknown.whl', zipOf([...files, ['a.dist-info/RECORD', Buffer.from('x,sha256=abc,1\n')]]));
      await assert.rejects(unpack(path), /RECORD has no checksum for it/);
    });

    it('for another system', async () => {
      const name = otherPlatform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2';
      const path = write('other.whl', wheelOf(new Map([[`tensorflow/${name}`, fakeLibrary('', otherPlatform)]])));
      await assert.rejects(
        openSource(path),
        new RegExp(`holds a libtensorflow for ${otherPlatform}, but this machine`),
      );
    });

    it('of something else', async () => {
      const path = write('other.whl', wheelOf(new Map([['numpy/__init__.py', Buffer.from('')]])));
      await assert.rejects(openSource(path), /holds no libtensorflow, but this machine needs/);
    });
  });

  describe('a zip file that is no wheel', () => {
    it('is held against its CRC', async () => {
      const files = [...libtensorflowFiles('tensorflow/')];
      assertUnpacked(await unpack(write('whole.zip', zipOf(files))));
      const path = write('damaged.zip', zipOf(files, { crc: 1 }));
      await assert.rejects(unpack(path), /its checksum is not the one written there/);
    });

    it('that leads out of its folder is refused', async () => {
      const files = [...libtensorflowFiles('tensorflow/'), ['../escaped.txt', Buffer.from('x')] as const];
      await assert.rejects(unpack(write('escape.zip', zipOf(files))), /escape\.zip is broken \(.*\.\.\/escaped\.txt/);
      assert.equal(existsSync(join(folder.path, 'escaped.txt')), false);
    });

    it('with a symbolic link among what is needed is refused', async () => {
      const path = write('link.zip', zipOf(libtensorflowFiles('tensorflow/'), { mode: 0o120777 }));
      await assert.rejects(unpack(path), /is refused: .* is a symbolic link/);
    });
  });

  describe('a tar.gz archive', () => {
    const entries = (): TarEntry[] =>
      [...libtensorflowFiles('./')].map(([path, content]) => ({
        path: path.replace(/^\.\/lib/, './lib/lib'),
        content,
      }));

    it('what is needed is unpacked; links inside are left out', async () => {
      const links: TarEntry[] = [{ path: './lib/a.so', type: 'SymbolicLink', linkpath: mainLibrary }];
      const path = write('c.tar.gz', tarballOf([...links, ...entries()]));
      const { work, ...unpacked } = await unpack(path);
      assertUnpacked(unpacked);
      assert.equal(unpacked.sizes, undefined);
      const [done, bytes] = work.sizes.at(-1)!;
      assert.equal(done, bytes);
    });

    it('cut off', async () => {
      const whole = tarballOf(entries());
      const path = write('cut.tar.gz', whole.subarray(0, whole.length - 60));
      await assert.rejects(unpack(path), /cut\.tar\.gz is broken \(.*\): get it again\./);
    });

    it('damaged', async () => {
      const whole = tarballOf(entries());
      // The last eight bytes are gzip's checksum and length.
      whole[whole.length - 8] ^= 1;
      await assert.rejects(unpack(write('crc.tar.gz', whole)), /crc\.tar\.gz is broken \(.*\): get it again\./);
    });

    const escapes: [what: string, entry: TarEntry][] = [
      ['a file', { path: '../escaped.txt', content: Buffer.from('x') }],
      ['an absolute path', { path: '/palate-escaped.txt', content: Buffer.from('x') }],
      ['a symbolic link', { path: 'lib/x', type: 'SymbolicLink', linkpath: '../../x' }],
      ['an absolute link', { path: 'lib/x', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
      ['a hard link', { path: 'lib/x', type: 'Link', linkpath: '../x' }],
    ];
    for (const [what, entry] of escapes) {
      it(`${what} that leads out of its folder is refused`, async () => {
        const path = write('escape.tar.gz', tarballOf([entry, ...entries()]));
        await assert.rejects(unpack(path), (error: Error) => {
          assert.match(error.message, /escape\.tar\.gz is refused: .* leads out of its own folder/);
          return error.message.includes(entry.path);
        });
        assert.equal(existsSync(join(folder.path, 'escaped.txt')), false);
      });
    }
  });

  it('a path with nothing there, and a file that is something else', async () => {
    await assert.rejects(openSource(join(folder.path, 'nothing')), /There is no .*nothing: give the libtensorflow/);
    const path = write('text.whl', Buffer.from('just text'));
    await assert.rejects(openSource(path), /neither a folder nor a zip or tar\.gz archive/);
  });

  it('stops when it is told to, with the reason of the signal', async () => {
    const path = write('stopped.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    const controller = new AbortController();
    const work = { ...recordedWork(controller.signal), progress: () => controller.abort() };
    await assert.rejects(unpack(path, work), { name: 'AbortError' });
  });
});
