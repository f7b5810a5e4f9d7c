import assert from 'node:assert/strict';
import { checkRepository, importsOf, longestFile, structureProblems } from '../../scripts/structure.ts';
import { packageRoot } from '../../server/paths.ts';

describe('structure', () => {
  it('the repository keeps its import rules and its file size', () => {
    const { problems, files } = checkRepository(packageRoot());
    assert.ok(files > 10, `only ${files} source files were found`);
    assert.deepEqual(problems, []);
  });

  const refused: [path: string, source: string, expected: RegExp][] = [
    ['client/a.ts', "import { a } from '../server/store/index.ts';", /client imports only/],
    ['client/a.ts', "import type { a } from '../server/store/index.ts';", /client imports only/],
    ['client/a.ts', "import { a } from '../models/llama.ts';", /client imports only/],
    ['client/a.ts', "import * as ort from 'onnxruntime-node';", /only server\/engine\/onnx\//],
    ['webviews/a.ts', "import { a } from '../server/protocol/client.ts';", /webviews import only/],
    ['webviews/a.ts', "import { a } from '../server/protocol/types.ts';", /only types from the server/],
    ['webviews/a.ts', "import * as vscode from 'vscode';", /neither vscode nor node/],
    ['webviews/a.ts', "import { join } from 'path';", /neither vscode nor node/],
    ['webviews/a.ts', "import 'node:fs';", /neither vscode nor node/],
    ['server/cli.ts', "import { x } from '../client/extension.ts';", /server imports only models/],
    ['server/cli.ts', "import { x } from '../scripts/figures.ts';", /server imports only models/],
    ['server/cli.ts', "import { x } from '../../elsewhere/x.ts';", /server imports only models/],
    ['server/cli.ts', "import type { Uri } from 'vscode';", /no vscode/],
    ['server/cli.ts', "import { train } from './engine/main.ts';", /only server\/jobs imports the engine/],
    [
      'server/store/a.ts',
      "const x = await import('../engine/main.ts');",
      /the store imports only server\/engine\/stages\/config/,
    ],
    ['server/language/a.ts', "import { x } from '../engine/stages/config.ts';", /only server\/jobs imports the engine/],
    ['server/engine/stages/config.ts', "import { x } from './common.ts';", /they import no runtime/],
    ['server/protocol/engine.ts', "import { UserError } from '../errors.ts';", /nothing but types/],
    ['server/protocol/engine.ts', "export * from './types.ts';", /nothing but types/],
    ['server/engine/stages/sft.ts', "import ort from 'onnxruntime-node';", /only server\/engine\/onnx\//],
    ['server/engine/stages/sft.ts', "import '@tensorflow/tfjs/dist/x.js';", /only server\/engine\/tensorflow\//],
    ['server/engine/losses/ppo.ts', "import * as v from 'valibot';", /no runtime and no package/],
    ['server/engine/losses/ppo.ts', "import { s } from '../onnx/session.ts';", /only models, losses and optim/],
    ['server/engine/optim/adamw.ts', "export { s } from '../weights/gguf.ts';", /only models, losses and optim/],
    ['server/main.ts', "import sharp from 'sharp';", /only server\/images\/decode\.ts imports sharp/],
    ['server/images/prepare.ts', "import sharp from 'sharp';", /only server\/images\/decode\.ts imports sharp/],
    ['server/images/prepare.ts', "import { x } from './decode.ts';", /a process of their own/],
    ['models/llama.ts', "import { x } from '../server/paths.ts';", /models import only models/],
    ['models/llama.ts', "import * as tf from '@tensorflow/tfjs';", /no runtime and no package/],
    [
      'models/llama.ts',
      "import {\n  a,\n  b,\n} from 'protobufjs';",
      /models\/llama\.ts:4: .* no runtime and no package/,
    ],
  ];
  for (const [path, source, expected] of refused) {
    it(`refuses in ${path}: ${source.replaceAll('\n', ' ')}`, () => {
      assert.match(structureProblems(path, source).join('\n'), expected);
    });
  }

  const accepted: [path: string, source: string][] = [
    ['client/a.ts', "import * as vscode from 'vscode';\nimport type { M } from '../server/protocol/client.ts';"],
    ['webviews/a.ts', "import type { M } from '../server/protocol/types.ts';\nimport uPlot from 'uplot';"],
    ['server/jobs/child.ts', "import { x } from '../engine/main.ts';"],
    ['server/store/a.ts', "import { x } from '../engine/stages/config.ts';"],
    ['server/engine/onnx/session.ts', "import * as ort from 'onnxruntime-node';"],
    [
      'server/engine/stages/ppo.ts',
      "import { a } from '../losses/ppo.ts';\nimport { b } from '../../../models/ops.ts';",
    ],
    ['server/engine/losses/ppo.ts', "import type { OpBuilder } from '../../../models/ops.ts';"],
    ['server/protocol/engine.ts', "import type { Row } from './types.ts';"],
    [
      'models/llama.ts',
      "// import { x } from 'onnxruntime-node';\n/* import('vscode') */\nimport { a } from './layers.ts';",
    ],
    ['scripts/prove.ts', "import ort from 'onnxruntime-node';"],
    ['test/server/a.test.ts', "import { x } from '../../server/engine/main.ts';"],
  ];
  for (const [path, source] of accepted) {
    it(`accepts in ${path}: ${source.replaceAll('\n', ' ')}`, () => {
      assert.deepEqual(structureProblems(path, source), []);
    });
  }

  it('finds every form of import, with its line', () => {
    const source = [
      "import a from 'a';",
      "import type { b } from 'b';",
      "export * as c from 'c';",
      "export type { d } from 'd';",
      "import 'e';",
      "const text = 'http://x'; // import 'no';",
      "const f = await import('f');",
      'const g = require("g");',
      "import type from 'h';",
    ].join('\n');
    assert.deepEqual(
      importsOf(source).map(({ specifier, line, typeOnly }) => `${line} ${specifier}${typeOnly ? ' type' : ''}`),
      ['1 a', '2 b type', '3 c', '4 d type', '5 e', '7 f', '8 g', '9 h'],
    );
  });

  it('refuses a file that is too long', () => {
    const long = (lines: number) => structureProblems('models/a.ts', 'let x;\n'.repeat(lines));
    assert.deepEqual(long(longestFile), []);
    assert.match(long(longestFile + 1).join(), /351 lines, at most 350/);
  });
});
