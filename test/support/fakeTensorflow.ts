/** A libtensorflow of a few kilobytes in every form in which people have one, and what stands in for the slow parts. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import type { SetupStage, Work } from '../../server/tensorflow/source.ts';

const isMac = process.platform === 'darwin';
const isWindows = process.platform === 'win32';

/** The two libraries of the Python package, by the names that the loader of this system looks for. */
export const [mainLibrary, frameworkLibrary] = isWindows
  ? ['tensorflow.dll', 'tensorflow.dll']
  : ['libtensorflow_cc', 'libtensorflow_framework'].map((stem) => (isMac ? `${stem}.2.dylib` : `${stem}.so.2`));
export const eagerHeader = 'tensorflow/c/eager/c_api.h';

/** Begins like a library for that platform; the rest is told apart by `text`. */
export function fakeLibrary(text: string, platform = process.platform, arch = process.arch): Buffer {
  const bytes = Buffer.alloc(20_000, text);
  if (platform === 'linux') {
    bytes.writeUInt32BE(0x7f454c46);
    bytes.writeUInt16LE(arch === 'arm64' ? 0xb7 : 0x3e, 18);
  } else if (platform === 'darwin') {
    bytes.writeUInt32BE(0xcffaedfe);
    bytes.writeUInt32LE(arch === 'arm64' ? 0x0100000c : 0x01000007, 4);
  } else {
    bytes.write('MZ');
    bytes.writeUInt32LE(0x80, 0x3c);
    bytes.writeUInt16LE(arch === 'arm64' ? 0xaa64 : 0x8664, 0x84);
  }
  return bytes;
}

/** Path → content, as a wheel holds them; `folder` is 'tensorflow/' there. */
export function libtensorflowFiles(folder: string): Map<string, Buffer> {
  return new Map([
    [`${folder}${mainLibrary}`, fakeLibrary('main')],
    [`${folder}${frameworkLibrary}`, fakeLibrary('framework')],
    [`${folder}include/${eagerHeader}`, Buffer.from('// the C API')],
    [`${folder}include/tensorflow/python/unneeded.h`, Buffer.from('// not needed')],
    [`${folder}python/unneeded.so`, Buffer.from('not needed')],
  ]);
}

export function wheelOf(files: ReadonlyMap<string, Buffer>): Buffer {
  return zipOf([...files, ['tensorflow_cpu-9.9.9.dist-info/RECORD', recordText(files)]]);
}

/** A wheel's RECORD: name, checksum and length of every file. */
export function recordText(files: ReadonlyMap<string, Buffer>): Buffer {
  const lines = [...files].map(([name, content]) => {
    const sha256 = createHash('sha256').update(content).digest('base64url');
    return `${name},sha256=${sha256},${content.length}\n`;
  });
  return Buffer.from(lines.join(''));
}

export interface ZipOptions {
  /** Unix mode of every file. */
  readonly mode?: number;
  /** Is written as the checksum instead of the right one. */
  readonly crc?: number;
}

/** PKWARE's APPNOTE 4.3, as little of it as a reader needs. */
export function zipOf(files: Iterable<readonly [string, Buffer]>, { mode = 0o100644, crc }: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of files) {
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    parts.push(Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, rest, Buffer.from(name));
    offset += 4 + common.length + Buffer.byteLength(name) + packed.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(directory.length / 4, 8);
  end.writeUInt16LE(directory.length / 4, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, entries, end]);
}

export interface TarEntry {
  readonly path: string;
  readonly content?: Buffer;
  readonly type?: 'File' | 'SymbolicLink' | 'Link';
  readonly linkpath?: string;
}

export function tarballOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = Buffer.alloc(0), type = 'File', linkpath }) => {
    const header = new Header({ path, type, linkpath, size: content.length, mode: 0o644, mtime: new Date(0) });
    header.encode();
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [header.block!, content, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export function writeTree(folder: string, files: Iterable<readonly [string, Buffer]>): void {
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** A program that stands in for a C++ compiler; `body` is a shell script that knows the binding's path as $out, all words as $given. */
export function fakeCompiler(path: string, body: string): string {
  const findOutput = 'given="$*"\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done';
  writeFileSync(path, `#!/bin/sh\n${findOutput}\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

export interface RecordedWork extends Work {
  readonly stages: SetupStage[];
  readonly sizes: [done: number, total: number][];
  readonly said: string[];
}

export function recordedWork(signal = new AbortController().signal): RecordedWork {
  const stages: SetupStage[] = [];
  const sizes: [number, number][] = [];
  const said: string[] = [];
  return {
    signal,
    stages,
    sizes,
    said,
    progress(stage, done, total) {
      if (stages.at(-1) !== stage) stages.push(stage);
      sizes.push([done, total]);
    },
    say: (sentence) => said.push(sentence),
  };
}
