import assert from 'node:assert/strict';
import { ComparePanel } from '../support/comparePanel.ts';
import { type EditorWindow, suiteEditor } from '../support/editor.ts';
import { type ExampleWorkspace, exampleWorkspace } from '../support/exampleWorkspace.ts';

describe('labels while git and other windows are at work', function () {
  this.timeout(120_000);
  const editor = suiteEditor({ settings: { 'palate.annotator': 'ada' } });
  let workspace: ExampleWorkspace;
  let window: EditorWindow;
  let panel: ComparePanel;

  before(async () => {
    workspace = exampleWorkspace();
    ({ window, panel } = await labelling());
  });
  after(() => workspace?.remove());

  async function labelling(): Promise<{ window: EditorWindow; panel: ComparePanel }> {
    const opened = await editor.window(workspace.path);
    const shown = new ComparePanel(opened);
    await opened.command('Palate: Label Comparisons');
    await shown.ready();
    await shown.focus();
    return { window: opened, panel: shown };
  }

  it('checking out another branch and back with the panel open loses and invents none', async () => {
    for (const key of ['1', '2', '3']) await panel.decide(key);
    const onMain = workspace.standing();
    workspace.git('add', '.');
    workspace.git('commit', '--quiet', '--message=Three decisions');
    workspace.git('checkout', '--quiet', '-b', 'other', 'HEAD~1');
    await panel.waitForDecided(0);

    for (const key of ['4', '1']) await panel.decide(key);
    const onOther = workspace.standing();
    assert.equal(onOther.size, 2);
    workspace.git('add', '.');
    workspace.git('commit', '--quiet', '--message=Two decisions');
    workspace.git('checkout', '--quiet', 'main');
    await panel.waitForDecided(3);
    assert.deepEqual(workspace.standing(), onMain);

    await panel.decide('2');
    assert.equal(workspace.standing().size, 4);
    workspace.git('add', '.');
    workspace.git('commit', '--quiet', '--message=One more');
    workspace.git('merge', '--quiet', '--no-edit', 'other');
    const merged = workspace.standing();
    for (const id of [...onMain, ...onOther]) assert.ok(merged.has(id), id);
    assert.equal(merged.size, 6);
  });

  it('two windows of one annotator lose none, and each sees what the other decided', async () => {
    const before = workspace.standing().size;
    const second = await labelling();
    const decided = await second.panel.decided();
    await panel.waitForDecided(decided);
    for (const key of ['1', '4']) {
      const count = await panel.decided();
      await second.panel.focus();
      await second.panel.decide(key);
      await panel.waitForDecided(count + 1);
      await panel.focus();
      await panel.decide(key);
      await second.panel.waitForDecided(count + 2);
    }
    const events = workspace.feedback();
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
    assert.equal(workspace.standing().size, before + 4);
    assert.deepEqual(window.requests, []);
  });
});
