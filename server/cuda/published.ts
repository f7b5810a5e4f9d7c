import * as v from 'valibot';
import type { Checksum } from '../download/checksum.ts';
import { request } from '../download/request.ts';
import { UserError } from '../errors.ts';

/**
 * Where onnxruntime's CUDA provider is published: the feed and the package that onnxruntime-node's own install script
 * names (script/install-metadata.js). PALATE_NUGET_INDEX names a mirror's index.
 */
const nugetIndex = 'https://api.nuget.org/v3/index.json';
const packageName = 'Microsoft.ML.OnnxRuntime.Gpu.Linux';
/** Of the libraries within the package. */
export const folderInPackage = 'runtimes/linux-x64/native/';

/** A package as the feed tells it. */
export interface PublishedCuda {
  readonly version: string;
  readonly url: string;
  readonly bytes: number;
  readonly sum: Checksum;
}

const address = v.pipe(v.string(), v.url());
const serviceIndex = v.object({
  resources: v.array(v.object({ '@id': address, '@type': v.union([v.string(), v.array(v.string())]) })),
});
const registrationLeaf = v.object({ catalogEntry: address, packageContent: address });
const catalogEntry = v.object({
  id: v.string(),
  version: v.string(),
  packageHash: v.pipe(v.string(), v.base64()),
  packageHashAlgorithm: v.literal('SHA512'),
  packageSize: v.pipe(v.number(), v.integer(), v.minValue(1)),
});

/**
 * Asks the feed for the package of exactly this version, its size, and its SHA-512, which the catalogue of the feed
 * keeps since the package was pushed (https://learn.microsoft.com/nuget/api/catalog-resource).
 *
 * @throws UserError where the feed cannot be reached, has no such version, or answers something else; the signal's reason
 */
export async function findPublished(
  version: string,
  { signal, env = process.env }: { readonly signal: AbortSignal; readonly env?: NodeJS.ProcessEnv },
): Promise<PublishedCuda> {
  const index = env.PALATE_NUGET_INDEX || nugetIndex;
  const { resources } = await ask(index, serviceIndex, signal);
  const registrations = ['RegistrationsBaseUrl/3.6.0', 'RegistrationsBaseUrl']
    .map((type) => resources.find((resource) => [resource['@type']].flat().includes(type)))
    .find((resource) => resource !== undefined);
  if (!registrations) throw new UserError(`${index} names no registrations: it is not the index of a NuGet feed.`);
  const base = registrations['@id'].replace(/\/?$/, '/');
  const missing = `the feed has no ${packageName} ${version}, which must be as new as onnxruntime-node itself`;
  const leaf = await ask(`${base}${packageName.toLowerCase()}/${version}.json`, registrationLeaf, signal, missing);
  const entry = await ask(leaf.catalogEntry, catalogEntry, signal);
  if (entry.id.toLowerCase() !== packageName.toLowerCase() || entry.version !== version) {
    throw new UserError(
      `${leaf.catalogEntry} tells of ${entry.id} ${entry.version}, but ${packageName} ${version} is needed: nothing was downloaded.`,
    );
  }
  const value = Buffer.from(entry.packageHash, 'base64').toString('hex');
  return { version, url: leaf.packageContent, bytes: entry.packageSize, sum: { algorithm: 'sha512', value } };
}

async function ask<Schema extends v.GenericSchema>(
  url: string,
  schema: Schema,
  signal: AbortSignal,
  missing?: string,
): Promise<v.InferOutput<Schema>> {
  const response = await request(url, { signal, unreachable: ' and run the same command again' });
  if (!response.ok) {
    await response.body?.cancel();
    const answered = `${url} answered ${response.status} ${response.statusText}`;
    throw new UserError(
      response.status === 404 && missing ? `${answered}: ${missing}.` : `${answered}: try again later.`,
    );
  }
  const text = await response.text();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  throw new UserError(`${url} answered something else than a NuGet feed does (${parsed.issues[0].message}).`);
}
