import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { UserError } from '../errors.ts';
import { packageRoot } from '../paths.ts';
import { loaderEnvironment } from './cuda.ts';

/** What the native part says of itself after it computed the right gradient. */
export interface NativeCheck {
  readonly libtensorflow: string;
  readonly node: string;
  /** Whether TensorFlow saw a GPU: it computes there then. */
  readonly gpu: boolean;
  /** What TensorFlow printed of a GPU that it cannot use. */
  readonly remark?: string;
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
  /** The Node program to check under; default this process's. */
  readonly node?: string;
  /** The program that checks; default the built server/engine/tensorflow/check.ts. */
  readonly entry?: string;
  /** Where the system's loader looks for CUDA's libraries besides its own places. */
  readonly libraryFolders?: readonly string[];
}

const builtEntry = () => join(packageRoot(), 'out', 'server', 'engine', 'tensorflow', 'check.js');

/**
 * Loads tfjs-node with that binding in a process of its own, which may crash, and computes a gradient.
 *
 * @throws UserError where it does not load or computes wrongly; the signal's reason
 */
export async function checkNative(
  binding: string,
  { signal, node = process.execPath, entry = builtEntry(), libraryFolders = [] }: CheckOptions = {},
): Promise<NativeCheck> {
  const env = loaderEnvironment(libraryFolders);
  const child = spawn(node, [entry, binding], { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<string>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (code, killed) => done(killed ?? `exit code ${code}`));
  });
  const [output, errors, ending] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  signal?.throwIfAborted();
  if (ending === 'exit code 0') return { ...JSON.parse(output), ...remarkOf(errors) };
  const reason = /^\w*Error.*?: (.*)$/m.exec(errors)?.[1] ?? errors.trim().split('\n').pop();
  throw new UserError(`TensorFlow's native part ${binding} does not work (${ending}: ${reason || 'it said nothing'}).`);
}

/** Warnings of TensorFlow begin with a letter, a time and the place in its sources: "W tensorflow/core/…:39] Cannot …". */
function remarkOf(errors: string): { readonly remark?: string } {
  const sentences = errors.split('\n').flatMap((line) => /\b[IWE]\S* .*?[\w/.]+:\d+\] (.*)$/.exec(line)?.[1] ?? []);
  const remark = sentences.find((sentence) => /\b(GPU|CUDA|cuInit|dlopen)/i.test(sentence))?.trim();
  return remark === undefined ? {} : { remark };
}
