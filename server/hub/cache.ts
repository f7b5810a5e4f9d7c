import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HubReference, isRevisionOf, mainRevision, repositoryFolder } from './reference.ts';
import { type HubEnvironment, hubCache } from './settings.ts';
import { type FoundModel, modelIn, modelsIn } from './snapshot.ts';

/**
 * The cache that the hub's other tools share: models--org--name/snapshots/COMMIT holds the files as links to blobs/,
 * refs/REVISION the commit that a branch or tag stood at. Only looked at, never written to.
 */

/** Where a model lies in the cache. Undefined: not there; `problem`: there, but not so that it can be used. */
export function findInCache(reference: HubReference, env?: HubEnvironment): FoundModel | undefined {
  const folder = join(hubCache(env), `models--${repositoryFolder(reference.repository)}`);
  const commit = commitOf(folder, reference.revision ?? mainRevision);
  return commit === undefined ? undefined : modelIn(join(folder, 'snapshots', commit), reference);
}

/** Every model of the cache under the shortest name that finds it. */
export function listCache(env?: HubEnvironment): readonly (FoundModel & { readonly reference: HubReference })[] {
  const cache = hubCache(env);
  return namesIn(cache)
    .filter((name) => /^models--.+--/.test(name))
    .flatMap((name) => {
      const folder = join(cache, name);
      const repository = name.slice('models--'.length).replace('--', '/');
      const main = commitOf(folder, mainRevision);
      return namesIn(join(folder, 'snapshots')).flatMap((commit) => {
        const revision = commit === main ? {} : { revision: commit.slice(0, 12) };
        return modelsIn(join(folder, 'snapshots', commit), { repository, ...revision });
      });
    });
}

function commitOf(folder: string, revision: string): string | undefined {
  const snapshots = namesIn(join(folder, 'snapshots'));
  const named = readRef(join(folder, 'refs', revision));
  if (named !== undefined && snapshots.includes(named)) return named;
  return snapshots.find((commit) => isRevisionOf(commit, revision));
}

function readRef(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // No cache, no snapshot, or not a folder: nothing is there.
    return [];
  }
}
