import { cudaProblem, installedCuda } from '../cuda/home.ts';
import { installCuda, offerCuda, offerOf } from '../cuda/install.ts';
import { trialText } from '../cuda/sentences.ts';
import { probeDevice } from '../devices/probe.ts';
import { createMeter } from '../download/rate.ts';
import type { CudaStage, CudaState } from '../protocol/setup.ts';
import type { Job } from '../protocol/types.ts';
import type { JobQueue } from './jobQueue.ts';

const title = 'Install CUDA support';
const stageNames: Readonly<Record<CudaStage, string>> = {
  download: 'downloading',
  unpack: 'unpacking',
  check: 'trying the device',
};

/** How often it is told how far it is. */
const tellMilliseconds = 200;

/** What is installed, or can be; asks the feed for the size and downloads nothing. */
export async function cudaState(): Promise<CudaState> {
  const problem = cudaProblem();
  if (problem !== undefined) return { kind: 'none', message: problem };
  const installed = installedCuda();
  if (installed) return { kind: 'installed', folder: installed.folder };
  return { kind: 'offered', offer: offerOf(await offerCuda(new AbortController().signal)) };
}

/**
 * Downloads onnxruntime's CUDA provider where it is not there, and tries the device, beside whatever else is done. One
 * that is under way is answered again.
 *
 * @param queue of downloads: nothing that waits for the engine stands in it
 */
export function startInstallingCuda(queue: JobQueue): Job {
  const under = queue.active((job) => job.title === title);
  if (under) return under;
  return queue.add({
    kind: 'download',
    title,
    async work({ signal, progress }) {
      const pace = createMeter();
      let told = { stage: '', at: Number.NEGATIVE_INFINITY };
      const tell = (stage: CudaStage, done: number, total: number) => {
        const rate = stage === 'download' ? pace(done, total) : {};
        if (stage === told.stage && done < total && performance.now() - told.at < tellMilliseconds) return;
        told = { stage, at: performance.now() };
        progress({ what: stageNames[stage], done, total, ...(total > 0 && { unit: 'bytes' as const }), ...rate });
      };
      progress({ what: 'asking the feed', done: 0, total: 0 });
      try {
        const { folder } = installedCuda() ?? (await installCuda(await offerCuda(signal), { signal, progress: tell }));
        tell('check', 0, 0);
        const summary = `CUDA's provider is in ${folder}. ${trialText(await probeDevice('cuda', { anew: true }))}`;
        return { status: 'done', summary };
      } catch (error) {
        if (!signal.aborted) throw error;
        return { status: 'stopped', summary: 'stopped; what has come is kept, and installing again goes on' };
      }
    },
  }).job;
}
