import assert from 'node:assert/strict';
import { builtFor, linkedLibraries, placeOf, systemsOf } from '../../../server/tensorflow/library.ts';
import { fakeLibrary } from '../../support/fakeTensorflow.ts';

describe('the files of a libtensorflow', () => {
  const places: [path: string, platform: string, expected: string | undefined][] = [
    ['tensorflow/libtensorflow_cc.so.2', 'linux', 'libtensorflow_cc.so.2'],
    ['./lib/libtensorflow.so.2.9.1', 'linux', 'libtensorflow.so.2'],
    ['lib/libtensorflow.so', 'linux', 'libtensorflow.so.2'],
    ['libtensorflow_framework.so.3', 'linux', 'libtensorflow_framework.so.3'],
    ['lib/libtensorflow.2.9.1.dylib', 'darwin', 'libtensorflow.2.dylib'],
    ['tensorflow/libtensorflow_cc.2.dylib', 'darwin', 'libtensorflow_cc.2.dylib'],
    ['lib/tensorflow.dll', 'win32', 'tensorflow.dll'],
    ['lib/tensorflow.dll', 'linux', undefined],
    ['lib/libtensorflow.so.2', 'darwin', undefined],
    ['tensorflow/python/libtensorflow_cc.so.2', 'linux', undefined],
    ['../libtensorflow_cc.so.2', 'linux', undefined],
    ['lib/libtensorflow.so.2-gdb.py', 'linux', undefined],
    ['lib/libtensorflow_io.so', 'linux', undefined],
    ['lib/libtensorflow.so.2', 'plan9', undefined],
  ];
  for (const [path, platform, expected] of places) {
    it(`${path} on ${platform}: ${expected ?? 'not needed'}`, () => {
      assert.deepEqual(placeOf(path, platform), expected && { kind: 'library', name: expected });
    });
  }

  it('the headers of the C API and what they include, wherever the include folder lies', () => {
    const header = (path: string) => placeOf(path, 'linux');
    assert.deepEqual(header('tensorflow/include/xla/tsl/c/tsl_status.h'), {
      kind: 'header',
      path: 'xla/tsl/c/tsl_status.h',
    });
    assert.deepEqual(header('./include/tensorflow/c/c_api.h'), { kind: 'header', path: 'tensorflow/c/c_api.h' });
    assert.equal(header('tensorflow/include/Eigen/Core.h'), undefined);
    assert.equal(header('include/tensorflow/c/BUILD'), undefined);
    assert.equal(header('include/../../tensorflow/c/c_api.h'), undefined);
  });

  it('the C library is linked before that of the Python package, never without the framework', () => {
    const names = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'libtensorflow.so.2'];
    assert.deepEqual(linkedLibraries(names, 'linux'), ['libtensorflow.so.2', 'libtensorflow_framework.so.2']);
    assert.deepEqual(linkedLibraries(names.slice(0, 2), 'linux'), names.slice(0, 2));
    assert.equal(linkedLibraries(names.slice(0, 1), 'linux'), undefined);
    assert.equal(linkedLibraries(names.slice(1, 2), 'linux'), undefined);
    assert.deepEqual(linkedLibraries(['tensorflow.dll'], 'win32'), ['tensorflow.dll']);
  });

  it('names the systems that they are for', () => {
    assert.deepEqual(systemsOf(['a', 'tensorflow/libtensorflow_cc.2.dylib']), ['darwin']);
    assert.deepEqual(systemsOf(['a']), []);
  });

  for (const platform of ['linux', 'darwin', 'win32'] as const) {
    for (const arch of ['x64', 'arm64'] as const) {
      it(`a library for ${platform}-${arch} is known by its first bytes`, () => {
        assert.equal(builtFor(fakeLibrary('', platform, arch).subarray(0, 4096)), `${platform}-${arch}`);
      });
    }
  }

  it('another processor is named, and what is no library has none', () => {
    const arm32 = fakeLibrary('', 'linux');
    arm32.writeUInt16LE(0x28, 18);
    assert.equal(builtFor(arm32), 'linux-processor 0x28');
    assert.equal(builtFor(Buffer.from('GROUP ( libtensorflow.so.2 )'.padEnd(80))), undefined);
    assert.equal(builtFor(Buffer.alloc(10)), undefined);
  });
});
