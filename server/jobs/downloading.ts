import { createMeter } from '../download/rate.ts';
import type { Job } from '../protocol/types.ts';
import type { JobQueue } from './jobQueue.ts';
import { download } from './library.ts';

/** How often it is told how far a download is. */
const tellMilliseconds = 200;

/**
 * Downloads a model of the hub, beside whatever else is done. One that is under way is answered again.
 *
 * @param queue of downloads: nothing that waits for the engine stands in it
 */
export function startDownload(queue: JobQueue, name: string): Job {
  const title = `Download ${name}`;
  const under = queue.active((job) => job.title === title);
  if (under) return under;
  return queue.add({
    kind: 'download',
    title,
    async work({ signal, progress }) {
      const pace = createMeter();
      let told = Number.NEGATIVE_INFINITY;
      progress({ what: 'asking the hub', done: 0, total: 0 });
      try {
        const model = await download(name, {
          signal,
          progress(done, total) {
            const rate = pace(done, total);
            if (done < total && performance.now() - told < tellMilliseconds) return;
            told = performance.now();
            progress({ what: 'downloading', done, total, unit: 'bytes', ...rate });
          },
        });
        return { status: 'done', summary: `${name} is in ${model.path}`, output: model.path };
      } catch (error) {
        if (!signal.aborted) throw error;
        return { status: 'stopped', summary: 'stopped; what has come is kept, and adding it again goes on' };
      }
    },
  }).job;
}
