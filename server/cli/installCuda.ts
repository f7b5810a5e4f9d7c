import { createInterface } from 'node:readline/promises';
import { cudaProblem, installedCuda } from '../cuda/home.ts';
import { type CudaWork, installCuda as install, offerCuda, offerOf } from '../cuda/install.ts';
import { offerText, trialText } from '../cuda/sentences.ts';
import { Progress } from '../demo/progress.ts';
import { probeDevice } from '../devices/probe.ts';
import { amountText, createMeter } from '../download/rate.ts';
import { UserError } from '../errors.ts';
import { command, switchFlag } from './command.ts';
import type { Console } from './console.ts';
import { jsonFlag } from './flags.ts';

/** Share of the whole time, of a download of 250 MB at 10 MB/s. */
const stages = [
  { name: 'download', title: 'Downloading the CUDA provider', weight: 25 },
  { name: 'unpack', title: 'Unpacking it', weight: 4 },
  { name: 'check', title: 'Trying the device', weight: 3 },
] as const;

export const installCuda = command({
  name: 'install-cuda',
  summary: "download onnxruntime's provider for NVIDIA's GPUs (Linux x64)",
  details: `
It says how much would be downloaded, from where and to where, and asks. What comes is the package of onnxruntime's own
authors for exactly this version, checked against the SHA-512 that the feed states; a download that was cut off goes on
where it stopped. It goes to the folder that PALATE_HOME names, else to the person's data folder. Then the device is tried
in a process of its own: NVIDIA's driver, CUDA and cuDNN 9 must be there, and are not installed by this. What is installed
already is only tried anew. PALATE_NUGET_INDEX names a mirror of the feed.`,
  flags: { yes: switchFlag('download without asking'), json: jsonFlag },
  operands: [],
  async run({ yes }, _, console) {
    const problem = cudaProblem();
    if (problem !== undefined) throw new UserError(problem);
    const before = installedCuda();
    const offer = before ? undefined : await offerCuda(console.signal);
    if (offer) console.say(offerText(offerOf(offer)));
    if (offer && !yes && !(await agrees(console))) return console.interruptCode ?? 1;
    const watch = watchInstallation(console, offer ? stages : stages.slice(-1));
    try {
      const { folder, version } = before ?? (await install(offer!, watch.work));
      watch.work.progress('check', 0, 0);
      const probed = await probeDevice('cuda', { anew: true });
      watch.progress.close();
      const status = before ? 'present' : 'installed';
      if (console.json) {
        const { works, reason, rates } = probed;
        console.resultJson({ status, version, folder, works, reason, rates, seconds: console.seconds() });
      } else {
        const head = before ? 'Installed already' : 'Installed';
        console.result(`${head}: onnxruntime's CUDA provider ${version} in ${folder}.\n${trialText(probed)}`);
      }
      return 0;
    } catch (error) {
      if (!console.signal.aborted) throw error;
      watch.progress.stop();
      console.say('Stopped; nothing was installed. What was downloaded is kept: the same command goes on.');
      return console.interruptCode ?? 0;
    } finally {
      watch.progress.stop();
    }
  },
});

/** Throws a UserError where nobody can answer. */
async function agrees({ signal, say }: Console): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UserError('Nothing was downloaded: add --yes to download it.');
  // The system's own line editing: Ctrl+C stays a signal.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const noAnswer = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question('Download it? [y/N] ', { signal }), noAnswer]);
    if (/^y(es)?$/i.test(answer.trim())) return true;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    terminal.close();
  }
  say('Nothing was downloaded.');
  return false;
}

function watchInstallation(console: Console, needed: readonly (typeof stages)[number][]) {
  const progress = new Progress(needed, { secondsBetweenLines: 5 });
  console.onInterrupt(() => progress.stop('Stopping …'));
  const pace = createMeter();
  let current = '';
  const work: CudaWork = {
    signal: console.signal,
    progress(stage, done, total) {
      if (stage !== current) progress.begin(stage);
      current = stage;
      const rate = stage === 'download' ? pace(done, total) : {};
      if (total > 0) progress.update(done / total, amountText(done, total, rate));
    },
  };
  return { progress, work };
}
