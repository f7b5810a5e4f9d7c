import { UserError } from '../errors.ts';
import type { TensorflowStage } from '../protocol/setup.ts';
import { platformName } from './home.ts';
import { builtFor, linkedLibraries, systemsOf } from './library.ts';

/** A libtensorflow as a person has it or as it was downloaded. */
export interface Source {
  /** For sentences. */
  readonly path: string;
  /** Bytes of each library by the name that the loader looks for; undefined where only unpacking tells. */
  readonly libraries: ReadonlyMap<string, number> | undefined;
  /** Folders of CUDA's libraries that came with it, which stay where they are. */
  readonly cudaFolders?: readonly string[];
  /**
   * Lays the libraries into `target.libraries`, both folders empty before, and answers the folder of the headers.
   *
   * @throws UserError where the source is broken, for another platform, or not whole; the signal's reason
   */
  unpack(target: UnpackTarget, work: Work): Promise<string>;
  close(): void;
}

export interface UnpackTarget {
  readonly libraries: string;
  /** For what is not kept. */
  readonly scratch: string;
}

export type SetupStage = TensorflowStage;

/** How a long piece of work is watched and stopped. */
export interface Work {
  readonly signal: AbortSignal;
  /** Bytes; `total` is 0 while it is not known. */
  progress(stage: SetupStage, done: number, total: number): void;
  /** A sentence for the person that is no error. */
  say(sentence: string): void;
}

export const headBytes = 4096;

/**
 * The libraries to link with.
 *
 * @param names of the libraries found; @param paths of all files, to say what they are for where they do not fit
 * @throws UserError where one is missing
 */
export function requireLibraries(path: string, names: readonly string[], paths: readonly string[]): string[] {
  const linked = linkedLibraries(names);
  if (linked) return linked;
  const systems = systemsOf(paths).filter((system) => system !== process.platform);
  const found =
    systems.length > 0
      ? `a libtensorflow for ${systems.join(' and ')}`
      : names.length > 0
        ? `only ${names.join(', ')}`
        : 'no libtensorflow';
  throw new UserError(
    `${path} holds ${found}, but this machine needs libtensorflow and libtensorflow_framework for ${platformName()}: give the libtensorflow C distribution, the Python package's folder, or a tensorflow or tensorflow-cpu wheel for this platform.`,
  );
}

/** Throws a UserError where the library's first bytes are not one for this platform. */
export function requirePlatform(path: string, name: string, head: Uint8Array): void {
  const found = builtFor(head);
  if (found === platformName() || found === `${process.platform}-universal`) return;
  throw new UserError(
    `${path}: ${name} is ${found ? `built for ${found}` : 'no shared library'}, but this machine needs ${platformName()}: get the libtensorflow, or the tensorflow-cpu wheel, for this platform.`,
  );
}

/** Throws a UserError where the C API's header is not among them. */
export function requireHeaders(path: string, headers: readonly string[]): void {
  if (headers.includes('tensorflow/c/eager/c_api.h')) return;
  throw new UserError(
    `${path} has the libraries but not the header include/tensorflow/c/eager/c_api.h, without which the binding cannot be compiled: give the whole libtensorflow C distribution or a whole tensorflow-cpu wheel.`,
  );
}
