import { Progress } from '../demo/progress.ts';
import { UserError } from '../errors.ts';
import { checkInstalled, type SetupResult, setUpTensorflow } from '../tensorflow/setup.ts';
import type { Work } from '../tensorflow/source.ts';
import { command, switchFlag, textFlag } from './command.ts';
import type { Console } from './console.ts';
import { jsonFlag } from './flags.ts';

/** Share of the whole time, from a run on two cores with a wheel from the disk. */
const stages = [
  { name: 'present', title: 'Checking what is installed', weight: 2 },
  { name: 'download', title: 'Downloading libtensorflow', weight: 30 },
  { name: 'unpack', title: 'Unpacking libtensorflow', weight: 12 },
  { name: 'binding', title: 'Downloading the binding', weight: 1 },
  { name: 'compile', title: 'Compiling the binding', weight: 14 },
  { name: 'check', title: 'Checking a gradient', weight: 2 },
] as const;

export const setupTensorflow = command({
  name: 'setup-tensorflow',
  summary: 'give the TensorFlow engine its native part, once for all clones',
  details: `
PATH is a libtensorflow: the folder or archive of the C distribution, the folder of the Python package tensorflow, or a
wheel of tensorflow or tensorflow-cpu (nothing of Python is needed). Without it, what tfjs-node's authors publish is
downloaded; a download that was cut off goes on where it stopped. The binding to Node is compiled where no ready-made one
fits, with the C++ compiler of this machine or the one that CXX names. All of it goes to the folder that PALATE_HOME
names, else to the person's data folder. What is installed already is checked.`,
  flags: {
    from: textFlag('PATH', 'the libtensorflow to use (default: what PALATE_LIBTENSORFLOW names, else a download)'),
    check: switchFlag('check what is installed and install nothing'),
    json: jsonFlag,
  },
  operands: [],
  async run({ from: given, check }, _, console) {
    if (check && given !== undefined) throw new UserError('--check installs nothing: leave out --from or --check.');
    const from = given ?? (process.env.PALATE_LIBTENSORFLOW || undefined);
    const watch = watchSetup(console, { from, check });
    try {
      const result = check ? await checkInstalled(watch.work) : await setUpTensorflow({ ...watch.work, from });
      watch.progress.close();
      if (console.json) console.resultJson(summary(result, console.seconds()));
      else console.result(summaryText(result, console.seconds()));
      return 0;
    } catch (error) {
      if (!console.signal.aborted) throw error;
      watch.progress.stop();
      console.say('Stopped; nothing was installed. What was downloaded is kept for the next time.');
      return console.interruptCode ?? 0;
    } finally {
      watch.progress.stop();
    }
  },
});

function watchSetup(console: Console, { from, check }: { from: string | undefined; check: boolean }) {
  const needed = (name: string) =>
    check ? name === 'present' : from === undefined || (name !== 'download' && name !== 'binding');
  const progress = new Progress(
    stages.filter(({ name }) => needed(name)),
    { secondsBetweenLines: 5 },
  );
  console.onInterrupt(() => progress.stop('Stopping …'));
  let current = '';
  const work: Work = {
    signal: console.signal,
    say: (sentence) => progress.say(sentence),
    progress(stage, done, total) {
      if (stage !== current) progress.begin(stage);
      current = stage;
      if (total > 0 || done > 0) progress.update(total > 0 ? done / total : 0, sizes(done, total));
    },
  };
  return { progress, work };
}

/** "212 of 853 MB" */
function sizes(done: number, total: number): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  return total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
}

function summary({ status, native, check }: SetupResult, seconds: number) {
  const { folder, binding, tfjsNode, libtensorflow } = native;
  const bytes = Object.values(native.files).reduce((sum, size) => sum + size, 0);
  const { node, gpu, remark } = check;
  return { status, folder, binding, tfjsNode, libtensorflow, node, gpu: gpu === true, remark, bytes, seconds };
}

function summaryText(result: SetupResult, seconds: number): string {
  const { status, folder, libtensorflow, tfjsNode, bytes, gpu, remark } = summary(result, seconds);
  const head = status === 'installed' ? 'Installed and checked' : 'Already installed; checked again';
  const device = gpu ? ', on the GPU' : remark ? `, on the CPU (${remark})` : '';
  return `${head}: TensorFlow ${libtensorflow}${device}, for tfjs-node ${tfjsNode}, ${sizes(bytes, 0)} in ${folder} · ${seconds} s`;
}
