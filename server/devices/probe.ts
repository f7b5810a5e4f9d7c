import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { hasCuda } from '../cuda/home.ts';
import { packageRoot, palateHome } from '../paths.ts';
import type { DeviceName } from '../protocol/types.ts';
import { engineEnvironment } from './environment.ts';
import { onnxruntimePackage } from './onnxruntime.ts';

/** What a device has shown on this machine. */
export interface Probed {
  readonly device: DeviceName;
  /** It computes a product and a training step as the processor does. */
  readonly works: boolean;
  /** Why not. */
  readonly reason?: string;
  /** As its driver calls it, where that is known. */
  readonly adapter?: string;
  /** It is the processor that computes. */
  readonly software: boolean;
  /** Of a matrix product, billions of operations a second: the device's and the processor's. */
  readonly rates?: { readonly device: number; readonly cpu: number };
  /** Bytes of the largest buffer that could be had, and of the smallest that could not; of those that were tried. */
  readonly bufferLimit?: number;
  readonly bufferRefused?: number;
}

/** A driver that takes longer than this hangs. */
const timeLimit = 60_000;

/** Devices that onnxruntime has here, the best first; CUDA only where its libraries are installed. */
export function devicesHere(platform: NodeJS.Platform = process.platform): DeviceName[] {
  if (platform === 'win32') return ['directml', 'webgpu', 'cpu'];
  if (platform === 'darwin') return ['coreml', 'webgpu', 'cpu'];
  return [...(hasCuda() ? (['cuda'] as const) : []), 'webgpu', 'cpu'];
}

/**
 * Tries a device in a process of its own, so that a driver which crashes or hangs ends nothing else. What it showed is
 * kept for this person until onnxruntime or a driver changes; of CUDA only that it works, because a library that is
 * missing can be installed at any time.
 */
export async function probeDevice(
  device: DeviceName,
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<Probed> {
  if (device === 'cpu') return { device, works: true, software: false };
  const cache = join(palateHome(), 'devices', `${device}-${driverIdentity()}.json`);
  const known = anew ? undefined : readJson<Probed>(cache);
  if (known !== undefined) return known;
  const probed = await probeNow(device);
  if (device === 'cuda' && !probed.works) {
    rmSync(cache, { force: true });
    return probed;
  }
  try {
    mkdirSync(join(palateHome(), 'devices'), { recursive: true });
    writeFileSync(`${cache}.${process.pid}`, JSON.stringify(probed));
    renameSync(`${cache}.${process.pid}`, cache);
  } catch {
    // It is tried again the next time.
  }
  return probed;
}

async function probeNow(device: DeviceName): Promise<Probed> {
  const program = join(packageRoot(), 'out', 'server', 'engine', 'onnx', 'probe.js');
  // The Vulkan loader says on stderr which driver it uses; nothing else tells the adapter's name.
  const env = { ...engineEnvironment(), ELECTRON_RUN_AS_NODE: '1', VK_LOADER_DEBUG: 'driver' };
  const ran = await new Promise<{ stdout: string; stderr: string; killed: boolean; signal?: string | null }>(
    (resolve) => {
      const options = { env, timeout: timeLimit, killSignal: 'SIGKILL', maxBuffer: 2 ** 24 } as const;
      execFile(process.execPath, [program, device], options, (error, stdout, stderr) => {
        resolve({ stdout, stderr, killed: error?.killed === true, signal: error?.signal });
      });
    },
  );
  const adapter = /Using "([^"]+)" with driver/.exec(ran.stderr)?.[1].trim();
  const software = /swiftshader|llvmpipe|lavapipe|basic render/i.test(adapter ?? '');
  const named = { device, software, ...(adapter !== undefined && { adapter }) };
  if (ran.killed) return { ...named, works: false, reason: `it did not answer within ${timeLimit / 1000} s` };
  try {
    const { ok, ...told } = JSON.parse(ran.stdout);
    // onnxruntime says on stderr alone which library of a provider could not be loaded.
    const missing = ok ? undefined : /Failed to load library .*? with error: (.+)/.exec(ran.stderr)?.[1].trim();
    return { ...named, works: ok, ...told, ...(missing !== undefined && { reason: missing }) };
  } catch {
    return {
      ...named,
      works: false,
      reason: `its driver ended the process that tried it (${ran.signal ?? 'an error'})`,
    };
  }
}

/** Changes with onnxruntime and with the drivers: of Vulkan, of NVIDIA, or of the system. */
function driverIdentity(): string {
  const { version } = onnxruntimePackage();
  const hash = createHash('sha256');
  const { VK_ICD_FILENAMES = '', VK_DRIVER_FILES = '' } = process.env;
  // The first word is raised when more is asked of a device.
  hash.update(['2', version, process.platform, process.arch, release(), VK_ICD_FILENAMES, VK_DRIVER_FILES].join('\0'));
  for (const folder of ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d']) {
    for (const file of listed(folder)) hash.update(`${file} ${statSync(join(folder, file)).mtimeMs}\n`);
  }
  hash.update(read('/proc/driver/nvidia/version') ?? '');
  return hash.digest('hex').slice(0, 16);
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(read(path) ?? '') as T;
  } catch {
    return undefined;
  }
}
