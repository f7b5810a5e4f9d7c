import assert from 'node:assert/strict';
import { goneWithin } from '../support/codeServer.ts';
import { ComparePanel } from '../support/comparePanel.ts';
import { suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';
import { processesAreVisible } from '../support/processes.ts';
import { skip } from '../support/skip.ts';

describe('an editor that is killed', function () {
  this.timeout(120_000);
  const editor = suiteEditor({ settings: { 'palate.annotator': 'ada' } });
  let workspace: ExampleWorkspace;

  before(() => {
    workspace = exampleWorkspace();
  });
  after(() => workspace?.remove());

  it('leaves no process behind while it trains, and no label is lost', async function () {
    if (!processesAreVisible) skip(this, 'processes are told by their environment, which only Linux shows');
    const window = await editor.window(workspace.path);
    const panel = new ComparePanel(window);
    await window.command('Palate: Label Comparisons');
    await panel.ready();
    await panel.focus();
    for (const key of ['1', '1', '1', '4', '4', '4']) await panel.decide(key);
    const labels = workspace.standing();

    await window.command('Palate: Train…');
    await window.choose('Whole pipeline');
    await window.choose('Start');
    await window.status(/PPO/).waitFor({ timeout: 60_000 });
    const engine = /out[\\/]server[\\/]engine[\\/]main\.js/;
    assert.ok(
      editor.server.processes().some(({ command }) => engine.test(command)),
      'an engine is at work',
    );

    editor.server.kill();
    assert.deepEqual(await goneWithin(editor.server.processes, 20_000), []);
    assert.deepEqual(workspace.standing(), labels);
  });
});
