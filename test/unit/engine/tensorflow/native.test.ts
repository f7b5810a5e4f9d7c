import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '../../../../server/engine/tensorflow/native.ts';
import { checkNative } from '../../../../server/tensorflow/check.ts';
import { tfjsNodePackage } from '../../../../server/tensorflow/home.ts';
import { bundleProgram } from '../../../support/bundle.ts';
import { nativeTensorflow } from '../../../support/native.ts';
import { node24 } from '../../../support/otherNode.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('the native part of TensorFlow', () => {
  const temporary = temporaryFolder();

  it('loads in this Node and computes the gradient of a matMul', async function () {
    const native = nativeTensorflow(this);
    const check = await checkNative(native.binding);
    assert.deepEqual([check.libtensorflow, check.node], [native.libtensorflow, process.versions.node]);
    assert.equal(typeof check.gpu, 'boolean');
  });

  it('does so in Node 24, too', async function () {
    const { binding, libtensorflow } = nativeTensorflow(this);
    const check = await checkNative(binding, { node: node24(this) });
    assert.equal(check.libtensorflow, libtensorflow);
    assert.match(check.node, /^24\./);
  });

  it('names the command that sets it up where it is not', () => {
    const before = process.env.PALATE_HOME;
    process.env.PALATE_HOME = temporary.path;
    try {
      assert.throws(() => loadNative(), /^UserError: .* no native part .* run `npm run setup:tensorflow` once/);
    } finally {
      if (before === undefined) delete process.env.PALATE_HOME;
      else process.env.PALATE_HOME = before;
    }
  });

  it('a binding that does not load is said in one sentence, and the package that finds bindings stays the real one', async () => {
    const binding = temporary.write('tfjs_binding.node', 'not a library');
    const program = await bundleProgram('test/support/loadBinding.ts');
    const { stdout } = spawnSync(process.execPath, [program, binding], { encoding: 'utf8' });
    const { thrown, left } = JSON.parse(stdout);
    assert.match(thrown, /^UserError: TensorFlow's native part does not load \(.*\): run `npm run/);
    assert.equal(left, false);
  });

  it("gives back to Node's util what tfjs-node calls and Node 24 has not", function () {
    const program = node24(this);
    const { stdout } = spawnSync(program, ['-p', "JSON.stringify(Object.keys(require('node:util')))"], {
      encoding: 'utf8',
    });
    const present: string[] = JSON.parse(stdout);
    const missing = [...utilCalls()].filter((name) => !present.includes(name));
    assert.deepEqual(missing, ['isNullOrUndefined']);
  });

  /** The functions of Node's util that tfjs-node's built files call. */
  function utilCalls(): Set<string> {
    const dist = join(tfjsNodePackage().folder, 'dist');
    const calls = new Set<string>();
    for (const name of readdirSync(dist, { recursive: true }) as string[]) {
      if (!name.endsWith('.js') || name.endsWith('_test.js')) continue;
      const source = readFileSync(join(dist, name), 'utf8');
      for (const [, variable] of source.matchAll(/var (\w+) = require\("util"\)/g)) {
        for (const [, called] of source.matchAll(new RegExp(`\\b${variable}\\.(\\w+)`, 'g'))) calls.add(called);
      }
    }
    return calls;
  }
});
