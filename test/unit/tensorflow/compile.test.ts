import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CompileOptions, compileBinding, findCompiler } from '../../../server/tensorflow/compile.ts';
import { fakeCompiler } from '../../support/fakeTensorflow.ts';
import { skip } from '../../support/skip.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('compiling the binding', () => {
  const temporary = temporaryFolder();
  let count = 0;
  let folder: string;

  before(function () {
    if (process.platform === 'win32') skip(this, 'on Windows nothing is compiled');
  });
  beforeEach(() => {
    folder = join(temporary.path, String(++count));
    mkdirSync(folder);
  });

  const compile = (CXX: string, signal = new AbortController().signal) => {
    const options: CompileOptions = {
      folder,
      libraries: ['libtensorflow.so.2', 'libtensorflow_framework.so.2'],
      include: join(folder, 'include'),
      binding: join(folder, 'tfjs_binding.node'),
      log: join(folder, 'compile.log'),
      signal,
      env: { PATH: process.env.PATH, CXX },
    };
    return compileBinding(options);
  };

  it("gives the compiler tfjs-node's sources, the headers, and the libraries beside the binding", async () => {
    const compiler = fakeCompiler(join(folder, 'cxx'), 'echo "$given" > "$out"');
    await compile(`${compiler} -fast`);
    const given = readFileSync(join(folder, 'tfjs_binding.node'), 'utf8').trim().split(' ');
    assert.equal(given[0], '-fast');
    assert.ok(given.some((word) => word.endsWith(join('tfjs-node', 'binding', 'tfjs_backend.cc'))));
    assert.ok(given.some((word) => word.endsWith(join('node-api-headers', 'include'))));
    assert.ok(given.includes(`-I${join(folder, 'include')}`));
    assert.ok(given.includes(join(folder, 'libtensorflow.so.2')));
    assert.ok(given.includes('-DNAPI_VERSION=8'));
    assert.ok(given.includes(`-Wl,-rpath,${process.platform === 'darwin' ? '@loader_path' : '$ORIGIN'}`));
    assert.equal(existsSync(join(folder, 'compile.log')), false);
  });

  it('says what the compiler said first, and keeps all of it', async () => {
    const words = 'echo "In file x.h"; echo "x.h:3: fatal error: c_api.h: No such file" >&2; echo later >&2; exit 3';
    const compiler = fakeCompiler(join(folder, 'cxx'), words);
    const log = join(folder, 'compile.log');
    await assert.rejects(compile(compiler), (error: Error) => {
      assert.equal(error.name, 'UserError');
      assert.ok(error.message.includes(`${compiler} could not build`), error.message);
      assert.ok(error.message.includes('(exit code 3; x.h:3: fatal error: c_api.h: No such file)'), error.message);
      return error.message.includes(`see ${log},`);
    });
    assert.match(readFileSync(log, 'utf8'), /In file x\.h[\s\S]*later/);
  });

  it('stops the compiler', async () => {
    const started = new AbortController();
    const compiler = fakeCompiler(join(folder, 'cxx'), 'exec sleep 120');
    const ended = compile(compiler, started.signal);
    started.abort();
    await assert.rejects(ended, { name: 'AbortError' });
    assert.equal(existsSync(join(folder, 'tfjs_binding.node')), false);
  });

  it('without a compiler', () => {
    assert.throws(
      () => findCompiler({ PATH: folder }),
      /^UserError: This machine has no C\+\+ compiler \(neither c\+\+, g\+\+ nor clang\+\+ is in PATH\).*: install one \(.*\) and run/,
    );
  });

  it('with one that CXX names and that is not there', () => {
    assert.throws(() => findCompiler({ PATH: folder, CXX: 'no-such-compiler -O3' }), /names, no-such-compiler, is not/);
  });

  it('takes the first there is, and no folder or text of that name', () => {
    mkdirSync(join(folder, 'c++'));
    const compiler = fakeCompiler(join(folder, 'clang++'), '');
    assert.deepEqual(findCompiler({ PATH: folder }), [compiler]);
    assert.deepEqual(findCompiler({ PATH: folder, CXX: 'clang++ -g' }), [compiler, '-g']);
    assert.deepEqual(findCompiler({ PATH: '', CXX: compiler }), [compiler]);
  });
});
