// A process of its own: `node loadBinding.js BINDING` tells what loading it throws, and whether a stand-in was left behind.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadNative } from '../../server/engine/tensorflow/native.ts';
import { tfjsNodePackage } from '../../server/tensorflow/home.ts';

let thrown = 'nothing';
try {
  loadNative(process.argv[2]);
} catch (error) {
  thrown = String(error);
}
const require = createRequire(join(tfjsNodePackage().folder, 'package.json'));
const left = require.cache[require.resolve('@mapbox/node-pre-gyp')] !== undefined;
console.log(JSON.stringify({ thrown, left }));
