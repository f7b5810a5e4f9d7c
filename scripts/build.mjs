/**
 * Bundles every entry point into out/, mirroring the source tree: server/cli.ts → out/server/cli.js.
 * Plain JavaScript, because it runs before anything is built. `node scripts/build.mjs` builds if something changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'out');
const stampFile = join(out, '.stamp');
const sourceFolders = ['client', 'server', 'webviews', 'models', 'scripts', 'test'];
const day = 24 * 60 * 60 * 1000;

/** Every file below a folder, as paths from the repository root with forward slashes, sorted. */
function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
    .sort();
}

const isSource = (file) => /\.(ts|mjs|css)$/.test(file);

/** What a person, a script or another process starts by name. Everything else is reached by an import. */
function entryPoints(sources) {
  const programs = [
    'server/cli.ts',
    'server/main.ts',
    'server/images/main.ts',
    'server/engine/main.ts',
    'server/jobs/describeModel.ts',
    'server/engine/tensorflow/check.ts',
    'server/engine/onnx/probe.ts',
    'server/engine/weights/widenThread.ts',
    'server/tensorflow/setupProgram.ts',
  ];
  return sources.filter(
    (file) =>
      programs.includes(file) ||
      /^scripts\/((proofs|benches)\/)?[^/]+\.ts$/.test(file) ||
      /^test\/.*\.test\.ts$/.test(file),
  );
}

/** Changes whenever a source file appears, vanishes or is written, or a dependency changes. */
function stampOf(sources) {
  const hash = createHash('sha256');
  for (const file of [...sources, 'package.json', 'package-lock.json']) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** A rename is atomic: a program that starts during a build reads the old file or the new one, never half of one. */
function writeIfChanged(path, contents) {
  if (existsSync(path) && readFileSync(path).equals(contents)) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}

/** A deleted test must not run any more. Shared chunks stay for a day: a program under way may still import them. */
function removeStale(written) {
  for (const file of ['client', 'server', 'webviews', 'scripts', 'test', 'chunks'].flatMap((name) =>
    filesBelow(`out/${name}`),
  )) {
    const path = join(root, file);
    if (written.has(path)) continue;
    const mayBeInUse = file.startsWith('out/chunks/') || file.endsWith('.tmp');
    if (mayBeInUse && Date.now() - statSync(path).mtimeMs < day) continue;
    rmSync(path, { force: true });
  }
}

const common = {
  absWorkingDir: root,
  outbase: '.',
  outdir: 'out',
  entryNames: '[dir]/[name]',
  bundle: true,
  sourcemap: 'linked',
  logLevel: 'warning',
  write: false,
};

/** jsonc-parser's CommonJS asks for its own files in a way that no bundler follows. */
const modulesFirst = ['module', 'main'];

/** Programs, scripts and tests: packages stay outside, what two of them share is a chunk. */
const nodePrograms = (entryPoints) => ({
  entryPoints,
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
});

/** The same for an installed package: only what must be a package of its own stays outside. */
const packagedPrograms = (entryPoints, external) => ({
  ...nodePrograms(entryPoints),
  packages: 'bundle',
  external,
  mainFields: modulesFirst,
  // CommonJS packages that are bundled ask for Node's own modules by `require`, which an ES module has not.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);",
  },
});

/** What the editor loads into its own process: one CommonJS file, with its packages, because activation is timed. */
const extensionHost = (entryPoints) => ({
  entryPoints,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  platform: 'node',
  target: 'node20',
  mainFields: modulesFirst,
  external: ['vscode'],
});

/** A webview's page: a script and a style sheet that hold everything, because a page may load nothing else. */
const browserPages = (entryPoints) => ({
  entryPoints,
  assetNames: 'webviews/assets/[name]-[hash]',
  format: 'esm',
  platform: 'browser',
  target: 'chrome120',
  // Every browser that an editor brings reads WOFF2.
  loader: { '.woff2': 'file', '.woff': 'empty', '.ttf': 'empty', '.svg': 'text' },
});

const extensionPrograms = (sources) => [
  extensionHost(sources.filter((file) => file === 'client/extension.ts')),
  browserPages(sources.filter((file) => /^webviews\/[^/]+\/main\.ts$/.test(file))),
];

const hasEntryPoints = ({ entryPoints }) => entryPoints.length > 0;

/**
 * Bundles what an installed package runs into `folder`/out, without maps. `external` names the packages that stay
 * packages. Answers the files of node_modules that went into the bundles, relative to the repository.
 */
export async function bundlePackage(folder, external) {
  const sources = sourceFolders.flatMap(filesBelow).filter(isSource);
  const esbuild = await import('esbuild');
  try {
    const kinds = [
      packagedPrograms(
        entryPoints(sources).filter((file) => file.startsWith('server/')),
        external,
      ),
      ...extensionPrograms(sources),
    ].filter(hasEntryPoints);
    const results = await Promise.all(
      kinds.map((kind) =>
        esbuild.build({
          ...common,
          ...kind,
          outdir: join(folder, 'out'),
          sourcemap: false,
          // Names stay as they are in Node, for whoever reads a stack trace.
          minifyIdentifiers: kind.platform === 'browser',
          minifySyntax: true,
          minifyWhitespace: true,
          legalComments: 'none',
          metafile: true,
          write: true,
        }),
      ),
    );
    const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
    return inputs.filter((path) => path.includes('node_modules/')).map((path) => path.replaceAll('\\', '/'));
  } finally {
    await esbuild.stop();
  }
}

/** Builds what is there; entry points that do not exist are left out. Throws after esbuild has printed the errors. */
export async function build() {
  const sources = sourceFolders.flatMap(filesBelow).filter(isSource);
  const stamp = stampOf(sources);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  const esbuild = await import('esbuild');
  try {
    const kinds = [nodePrograms(entryPoints(sources)), ...extensionPrograms(sources)].filter(hasEntryPoints);
    const results = await Promise.all(kinds.map((kind) => esbuild.build({ ...common, ...kind })));
    const outputs = results.flatMap(({ outputFiles }) => outputFiles);
    for (const { path, contents } of outputs) writeIfChanged(path, contents);
    removeStale(new Set(outputs.map(({ path }) => path)));
    writeIfChanged(stampFile, Buffer.from(stamp));
  } finally {
    // Otherwise esbuild's own process stays beside a training run for hours.
    await esbuild.stop();
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await build().catch(() => process.exit(1));
}
