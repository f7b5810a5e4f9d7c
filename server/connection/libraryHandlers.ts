import { startDownload } from '../jobs/downloading.ts';
import { cudaState, startInstallingCuda } from '../jobs/installingCuda.ts';
import { addLocal, listLibrary } from '../jobs/library.ts';
import type { ClientHandlers } from '../protocol/client.ts';
import { requireTrust, type ServerState } from './serverState.ts';

/** What the person has on this machine, whatever the project: models, and CUDA's provider. */
export function libraryHandlers({
  downloads,
  settings,
}: ServerState): Pick<ClientHandlers, 'listLibrary' | 'addModel' | 'cudaState' | 'installCuda'> {
  return {
    listLibrary: () => listLibrary(),
    async addModel({ model }) {
      requireTrust(settings());
      const found = await addLocal(model);
      return 'model' in found ? found : { job: startDownload(downloads, found.download) };
    },
    cudaState() {
      requireTrust(settings());
      return cudaState();
    },
    installCuda() {
      requireTrust(settings());
      return startInstallingCuda(downloads);
    },
  };
}
