import assert from 'node:assert/strict';
import { join } from 'node:path';
import { cudaProblem } from '../../server/cuda/home.ts';
import { type CudaFeed, cudaFeed } from '../support/cudaFeed.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('Palate: Install CUDA Support', function () {
  this.timeout(180_000);
  const temporary = temporaryFolder();
  const { env, feed } = servedFeed(temporary);
  const editor = suiteEditor({ env });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
  });
  after(() => workspace?.remove());

  const told = () => window.notification(/CUDA's provider is in .*does not compute here yet.*invalid ELF header/);

  it('says how much from where to where, downloads when it may, and says what the trial showed', async () => {
    await window.command('Palate: Install CUDA Support');
    const dialog = window.page.getByRole('dialog').filter({ hasText: "Download onnxruntime's CUDA provider?" });
    await dialog.getByText(new URL(feed().url).host).waitFor();
    await dialog.getByText(join(temporary.path, 'home', 'cuda')).waitFor();
    assert.deepEqual(feed().downloads(), []);
    await window.screenshot('installing-cuda');
    await dialog.getByRole('button', { name: 'Download' }).click();
    await told().waitFor();
  });

  it('tries anew what is installed', async () => {
    await window.command('Notifications: Clear All Notifications');
    await told().waitFor({ state: 'detached' });
    await window.command('Palate: Install CUDA Support');
    await told().waitFor();
    assert.equal(feed().downloads().length, 1);
  });
});

/** A feed, and the environment of an editor that asks it. There before the suite. */
function servedFeed(temporary: ReturnType<typeof temporaryFolder>) {
  const env: Record<string, string> = {};
  let feed: CudaFeed;
  before(async function () {
    if (cudaProblem() !== undefined) skip(this, 'onnxruntime-node has CUDA on Linux x64 alone');
    feed = await cudaFeed();
    Object.assign(env, { PALATE_HOME: join(temporary.path, 'home'), PALATE_NUGET_INDEX: feed.index });
  });
  after(() => feed?.close());
  return { env, feed: () => feed };
}
