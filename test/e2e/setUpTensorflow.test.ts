import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { fakeCompiler, libtensorflowFiles, wheelOf } from '../support/fakeTensorflow.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('Palate: Set Up TensorFlow Engine', function () {
  this.timeout(180_000);
  const temporary = temporaryFolder();
  const env = waitingCompiler(temporary);
  const editor = suiteEditor({ env });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  before(async () => {
    workspace = exampleWorkspace();
    window = await editor.window(workspace.path);
  });
  after(() => workspace?.remove());

  const open = async () => {
    await window.command('Palate: Set Up TensorFlow Engine');
    await window.quickInput.getByText('Nothing is installed yet').waitFor();
  };

  it('says what is there, shows how far it is, and is cancelled', async () => {
    await open();
    await window.choose('What PALATE_LIBTENSORFLOW names');
    const progress = window.notification(/setting up TensorFlow.*Compiling the binding/);
    await progress.waitFor();
    await window.screenshot('setting-up-tensorflow');
    await progress.getByRole('button', { name: 'Cancel' }).click();
    await window.notification(/The set-up was cancelled; nothing was installed/).waitFor();
  });

  it('says why it failed, and offers another source', async () => {
    rmSync(join(temporary.path, 'wait'));
    await open();
    await window.choose('What PALATE_LIBTENSORFLOW names');
    const failure = window.notification(/could not build tfjs-node's binding .*no such header/);
    await failure.getByRole('button', { name: 'Choose Another Source' }).click();
    await window.quickInput.getByText('A wheel or an archive on this machine').waitFor();
  });
});

/** The environment of an editor whose compiler waits while the file `wait` is there, and then fails. Filled before the suite. */
function waitingCompiler(temporary: ReturnType<typeof temporaryFolder>): Record<string, string> {
  const env: Record<string, string> = {};
  before(() => {
    const wait = temporary.write('wait', '');
    env.PALATE_HOME = join(temporary.path, 'home');
    env.PALATE_LIBTENSORFLOW = temporary.write('tensorflow.whl', wheelOf(libtensorflowFiles('tensorflow/')));
    const body = `while [ -f ${wait} ]; do sleep 0.1; done\necho "a.cc:1: error: no such header" >&2\nexit 1`;
    env.CXX = fakeCompiler(join(temporary.path, 'cxx'), body);
  });
  return env;
}
