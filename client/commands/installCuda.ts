import * as vscode from 'vscode';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { offerDetail, offerQuestion } from '../wording/cuda.ts';

/** Says how much would come from where, asks, and follows the download; what is installed is tried anew. */
export async function run({ server, jobs }: Palate): Promise<void> {
  const looking = server.request('cudaState', {});
  const options = { location: vscode.ProgressLocation.Notification, title: t('Palate: looking for CUDA support') };
  const state = await vscode.window.withProgress(options, () => looking);
  if (state.kind === 'none') {
    void vscode.window.showInformationMessage(state.message);
    return;
  }
  if (state.kind === 'offered') {
    const download = t('Download');
    const detail = offerDetail(state.offer);
    const answer = await vscode.window.showInformationMessage(offerQuestion(), { modal: true, detail }, download);
    if (answer !== download) return;
  }
  const job = await jobs.follow(jobs.begun(await server.request('installCuda', {})));
  if (job.status === 'done' && job.summary) void vscode.window.showInformationMessage(job.summary);
}
