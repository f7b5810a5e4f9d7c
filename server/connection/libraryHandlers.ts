import { startDownload } from '../jobs/downloading.ts';
import { addLocal, listLibrary } from '../jobs/library.ts';
import type { ClientHandlers } from '../protocol/client.ts';
import { requireTrust, type ServerState } from './serverState.ts';

/** The models that the person has, whatever the project. */
export function libraryHandlers({
  downloads,
  settings,
}: ServerState): Pick<ClientHandlers, 'listLibrary' | 'addModel'> {
  return {
    listLibrary: () => listLibrary(),
    async addModel({ model }) {
      requireTrust(settings());
      const found = await addLocal(model);
      return 'model' in found ? found : { job: startDownload(downloads, found.download) };
    },
  };
}
