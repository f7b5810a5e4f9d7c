/** A feed that speaks NuGet's protocol, with a package of some hundred kilobytes in place of a quarter of a gigabyte. */
import { createHash } from 'node:crypto';
import { cudaProvider, providerFiles } from '../../server/cuda/home.ts';
import { onnxruntimePackage } from '../../server/devices/onnxruntime.ts';
import { zipOf } from './fakeTensorflow.ts';
import { type Answer, type FileServer, fileServer, serve } from './fileServer.ts';

const id = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';
const within = 'runtimes/linux-x64/native/';

/** It begins as no library does, so onnxruntime says so in its own words when it tries to load it. */
export function providerContent(name: string): Buffer {
  // Hardly to be packed: a download of it has a middle.
  const lines = Array.from({ length: 4000 }, (_, k) => createHash('sha1').update(`${name} ${k}`).digest('hex'));
  return Buffer.from(`no library, but ${name}\n${lines.join('\n')}`);
}

export function cudaPackage(names: readonly string[] = providerFiles): Buffer {
  const unneeded = [`${within}libonnxruntime_providers_tensorrt.so`, `${id}.nuspec`];
  return zipOf([
    ...unneeded.map((name) => [name, Buffer.from('not needed')] as const),
    // Of another processor, under the same name.
    [`runtimes/linux-arm64/native/${cudaProvider}`, Buffer.from('another')],
    ...names.map((name) => [`${within}${name}`, providerContent(name)] as const),
  ]);
}

export interface CudaFeed extends FileServer {
  /** For PALATE_NUGET_INDEX. */
  readonly index: string;
  /** Requests for the package itself. */
  downloads(): string[];
}

export interface CudaFeedOptions {
  readonly content?: Buffer;
  /** How the package is answered; default whole, or from where it is asked for. */
  readonly answer?: Answer;
  /** What the catalogue states; default the content's own. */
  readonly stated?: { readonly hash?: string; readonly version?: string; readonly bytes?: number };
  /** Of the version that the feed has; default onnxruntime-node's. */
  readonly version?: string;
}

export async function cudaFeed(options: CudaFeedOptions = {}): Promise<CudaFeed> {
  const { content = cudaPackage(), stated = {}, version = onnxruntimePackage().version } = options;
  const name = id.toLowerCase();
  const json = (body: () => object): Answer => {
    return (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body()));
  };
  const file = `/flat/${name}/${version}/${name}.${version}.nupkg`;
  const server = await fileServer({
    '/v3/index.json': json(() => ({
      version: '3.0.0',
      resources: [
        { '@id': `${server.url}flat/`, '@type': 'PackageBaseAddress/3.0.0' },
        { '@id': `${server.url}old/`, '@type': 'RegistrationsBaseUrl' },
        { '@id': `${server.url}registration/`, '@type': ['RegistrationsBaseUrl/3.6.0'] },
      ],
    })),
    [`/registration/${name}/${version}.json`]: json(() => ({
      '@type': ['Package'],
      catalogEntry: `${server.url}catalog/entry.json`,
      packageContent: `${server.url.replace(/\/$/, '')}${file}`,
      listed: true,
    })),
    '/catalog/entry.json': json(() => ({
      id,
      version: stated.version ?? version,
      packageHash: stated.hash ?? createHash('sha512').update(content).digest('base64'),
      packageHashAlgorithm: 'SHA512',
      packageSize: stated.bytes ?? content.length,
    })),
    [file]: options.answer ?? serve(content),
  });
  return {
    ...server,
    index: `${server.url}v3/index.json`,
    downloads: () => server.requests.filter((request) => request.includes('.nupkg')),
  };
}
