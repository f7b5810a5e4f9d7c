import { spawn } from 'node:child_process';
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { nodeApiVersion, tfjsNodePackage } from './home.ts';

export interface CompileOptions {
  /** Holds the libraries to link with; the binding is written beside them and looks for them there. */
  readonly folder: string;
  /** Their names. */
  readonly libraries: readonly string[];
  /** Holds tensorflow/c/c_api.h. */
  readonly include: string;
  /** The binding's path. */
  readonly binding: string;
  /** Gets what the compiler printed, where it fails. */
  readonly log: string;
  readonly signal: AbortSignal;
  /** Names the compiler (CXX) and where to look for one (PATH); default the process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Compiles tfjs-node's own C++ files against the given libtensorflow.
 *
 * @throws UserError where there is no compiler, or it fails; the signal's reason
 */
export async function compileBinding(options: CompileOptions): Promise<void> {
  const { log, signal, env = process.env } = options;
  const [compiler, ...given] = findCompiler(env);
  const child = spawn(compiler, [...given, ...compilerArguments(options)], {
    env,
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ending = await new Promise<string | undefined>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (code, killed) => done(code === 0 ? undefined : `${killed ?? `exit code ${code}`}`));
  });
  signal.throwIfAborted();
  if (ending === undefined) return;
  writeFileSync(log, said);
  const telling = /\b(error|undefined reference|cannot find)\b/i;
  const reason = said
    .split('\n')
    .find((line) => telling.test(line))
    ?.trim();
  throw new UserError(
    `The C++ compiler ${compiler} could not build tfjs-node's binding (${ending}${reason ? `; ${reason}` : ''}): see ${log}, which holds all that it said, and mend that or name another compiler with the environment variable CXX.`,
  );
}

/**
 * The compiler's path and the arguments that CXX gives it.
 *
 * @throws UserError where there is none
 */
export function findCompiler(env: NodeJS.ProcessEnv): string[] {
  const named = env.CXX?.trim().split(/\s+/).filter(Boolean) ?? [];
  for (const [name, ...rest] of named.length > 0 ? [named] : [['c++'], ['g++'], ['clang++']]) {
    const path = findProgram(name, env.PATH ?? '');
    if (path) return [path, ...rest];
  }
  const help =
    process.platform === 'darwin'
      ? 'xcode-select --install'
      : 'on Debian or Ubuntu "apt install g++", on Fedora "dnf install gcc-c++"';
  if (named.length > 0) {
    throw new UserError(
      `The C++ compiler that the environment variable CXX names, ${named[0]}, is not there: install it, or unset CXX.`,
    );
  }
  throw new UserError(
    `This machine has no C++ compiler (neither c++, g++ nor clang++ is in PATH), and tfjs-node's binding must be compiled: install one (${help}) and run the same command again.`,
  );
}

function findProgram(name: string, path: string): string | undefined {
  const candidates =
    isAbsolute(name) || name !== name.split(/[\\/]/).pop()
      ? [resolve(name)]
      : path
          .split(delimiter)
          .filter(Boolean)
          .map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}

function compilerArguments({ folder, libraries, include, binding }: CompileOptions): string[] {
  const sources = join(tfjsNodePackage().folder, 'binding');
  const nodeApi = dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  const isMac = process.platform === 'darwin';
  return [
    ...(isMac ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-fPIC']),
    '-std=c++17',
    '-O2',
    `-DNAPI_VERSION=${nodeApiVersion}`,
    ...[sources, include, nodeApi].map((path) => `-I${path}`),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(sources, name)),
    '-o',
    binding,
    ...libraries.map((name) => join(folder, name)),
    // The libraries lie beside the binding, wherever the folder is moved.
    `-Wl,-rpath,${isMac ? '@loader_path' : '$ORIGIN'}`,
  ];
}
