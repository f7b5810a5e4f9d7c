import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../../../client/extension.ts';
import { steps } from '../../../client/wording/steps.ts';
import { bundleProblem, messagesOf } from '../../../scripts/l10n.ts';
import { packageRoot } from '../../../server/paths.ts';
import { compareActions, defaultKeys } from '../../../webviews/protocol/compare.ts';

interface Contribution {
  readonly command?: string;
  readonly when?: string;
  readonly key?: string;
  readonly mac?: string;
}

const root = packageRoot();
const text = readFileSync(join(root, 'package.json'), 'utf8');
const manifest = JSON.parse(text);
const strings: Record<string, string> = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8'));
const { contributes } = manifest;
const contributed: string[] = contributes.commands.map(({ command }: Contribution) => command);
const menus = Object.values(contributes.menus as Record<string, Contribution[]>).flat();
const sources = (readdirSync(join(root, 'client'), { recursive: true }) as string[])
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'client', name), 'utf8'));

describe('manifest of the editor', () => {
  it('every command has an entry in the table, and every entry is a command', () => {
    assert.deepEqual(Object.keys(commands).sort(), [...contributed].sort());
    assert.equal(new Set(contributed).size, contributed.length);
  });

  it('what starts a model is refused in a workspace that is not trusted, what labels is not', () => {
    const works = Object.entries(commands)
      .filter(([, { untrusted }]) => untrusted === 'works')
      .map(([id]) => id);
    for (const id of [
      'generate',
      'train',
      'resume',
      'scoreFile',
      'scoreSelection',
      'chooseModel',
      'addModel',
      'newProject',
    ]) {
      assert.ok(!works.includes(`palate.${id}`), id);
    }
    for (const id of ['label', 'undo', 'redo', 'exportPreferences', 'stop', 'doctor', 'setAnnotator']) {
      assert.ok(works.includes(`palate.${id}`), id);
    }
  });

  it('what is refused there is not offered there either', () => {
    const refused = Object.entries(commands).flatMap(([id, { untrusted }]) => (untrusted === 'refuse' ? [id] : []));
    const hidden = (when = '') => when === 'false' || /(^|[^!])\bisWorkspaceTrusted\b/.test(when);
    for (const id of refused) {
      const offered = menus.filter(({ command }) => command === id);
      assert.ok(offered.length > 0, id);
      assert.ok(
        contributes.menus.commandPalette.some(({ command }: Contribution) => command === id),
        id,
      );
      for (const { when } of offered) assert.ok(hidden(when), `${id}: ${when}`);
    }
    for (const { contents, when } of contributes.viewsWelcome) {
      const linked = refused.filter((id) => strings[contents.slice(1, -1)].includes(`(command:${id})`));
      if (linked.length > 0) assert.ok(hidden(when), `${contents}: ${linked} ${when}`);
    }
  });

  it('menus, keys, welcome texts and the walkthrough name commands that exist', () => {
    const named = [...menus, ...(contributes.keybindings as Contribution[])].flatMap(({ command }) => command ?? []);
    assert.ok(named.length > 30);
    const linked = Object.values(strings).flatMap((value) =>
      [...value.matchAll(/\(command:([\w.]+)\)/g)].map(([, command]) => command ?? ''),
    );
    const completing = [...text.matchAll(/onCommand:([\w.]+)/g)].map(([, command]) => command ?? '');
    assert.ok(linked.length >= 8);
    assert.deepEqual(
      [...named, ...linked, ...completing].filter(
        (command) => !contributed.includes(command) && command !== 'workbench.trust.manage',
      ),
      [],
    );
  });

  it('every string is in package.nls.json, and none there is left over', () => {
    const used = [...text.matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key ?? '');
    assert.deepEqual([...new Set(used)].sort(), Object.keys(strings).sort());
    assert.deepEqual(
      Object.entries(strings).filter(([, value]) => value.trim() === ''),
      [],
    );
  });

  it('every setting that is read is declared, and every declared one is read', () => {
    const declared = Object.keys(contributes.configuration.properties).map((name) => name.replace('palate.', ''));
    const [settings] = sources.filter((source) => source.includes("const section = 'palate'"));
    const read = [...(settings ?? '').matchAll(/\.(?:get|inspect|update)\(\s*'([\w.]+)'/g)].map(
      ([, name]) => name ?? '',
    );
    assert.deepEqual([...new Set(read)].sort(), declared.sort());
    // Nowhere else: what is read twice gets two defaults.
    const elsewhere = sources.filter((source) => /getConfiguration\(\s*['"]palate/.test(source));
    assert.deepEqual(elsewhere, []);
  });

  it('only modified keys are bound, and only while the comparison page has the focus', () => {
    for (const { key, mac, when, command } of contributes.keybindings as Contribution[]) {
      assert.match(key ?? '', /^ctrl\+/, command);
      assert.match(mac ?? '', /^cmd\+/, command);
      assert.equal(when, 'palate.compareFocused', command);
    }
  });

  it('every context key of ours is set somewhere', () => {
    const asked = [...text.matchAll(/palate\.(?:has\w+|jobRunning|queueState|compareFocused)/g)].map(([key]) => key);
    const set = new Set(sources.flatMap((source) => [...source.matchAll(/'(palate\.\w+)',/g)].map(([, key]) => key)));
    assert.ok(asked.length > 15);
    assert.deepEqual(
      [...new Set(asked)].filter((key) => !set.has(key)),
      [],
    );
  });

  it('every step of the walkthrough completes itself', () => {
    const events = contributes.walkthroughs[0].steps.map(
      ({ completionEvents }: { completionEvents: string[] }) => completionEvents,
    );
    assert.deepEqual(
      events,
      steps.map((step) => [`onContext:palate.step.${step}`]),
    );
    for (const step of steps)
      assert.ok(
        sources.some((source) => source.includes(`steps.done('${step}')`)),
        step,
      );
  });

  it('every file that it names is there', () => {
    const named = [...text.matchAll(/"(?:\.\/)?(client\/[\w./-]+)"/g)].map(([, path]) => path ?? '');
    assert.ok(named.length >= 8);
    assert.deepEqual(
      named.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  it('runs where the files are, never in a browser, and says why it needs them', () => {
    assert.deepEqual(manifest.extensionKind, ['workspace']);
    assert.equal(manifest.browser, undefined);
    assert.equal(manifest.main, './out/client/extension.cjs');
    assert.equal(manifest.capabilities.virtualWorkspaces.supported, false);
    assert.equal(manifest.capabilities.untrustedWorkspaces.supported, 'limited');
  });

  it('no folder can name the program that runs', () => {
    const runtime = contributes.configuration.properties['palate.server.runtime'];
    assert.equal(runtime.scope, 'machine');
    assert.ok(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.includes('palate.server.runtime'));
  });

  it('the setting of the keys offers every action with its default', () => {
    const { properties } = contributes.configuration.properties['palate.keys'];
    assert.deepEqual(Object.keys(properties).sort(), [...compareActions].sort());
    for (const action of compareActions) assert.equal(properties[action].default, defaultKeys[action], action);
  });
});

describe('sentences of the extension', () => {
  it('the bundle for translators says what the sources say', () => {
    assert.equal(bundleProblem(root), undefined);
  });

  it('reads every form of a call', () => {
    const source = `t('a {0}', b); x.t('no'); t("it's"); const start = (\n t(\n  'long'\n)); at('no')`;
    assert.deepEqual(messagesOf('a.ts', source), ['a {0}', "it's", 'long']);
    assert.deepEqual(messagesOf('a.ts', String.raw`t('it\'s')`), ["it's"]);
  });

  it('refuses a message that no translator could see', () => {
    assert.throws(() => messagesOf('a.ts', '\nt(message)'), /a\.ts:2: the message/);
    assert.throws(() => messagesOf('a.ts', 't(`x`)'), /literal/);
  });
});
