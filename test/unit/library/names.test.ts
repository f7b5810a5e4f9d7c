import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findAdded, forgetModel, listAdded, rememberModel } from '../../../server/library/added.ts';
import { namedModel } from '../../../server/library/names.ts';
import { packageRoot } from '../../../server/paths.ts';
import { cacheModel } from '../../support/hubCache.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('what a model is called', () => {
  const temporary = temporaryFolder();
  const before = { ...process.env };
  const commit = 'a'.repeat(40);
  beforeEach(() => {
    const home = join(temporary.path, 'home');
    rmSync(home, { recursive: true, force: true });
    Object.assign(process.env, { PALATE_HOME: home, HF_HUB_CACHE: join(home, 'cache') });
  });
  afterEach(() => {
    for (const key of ['PALATE_HOME', 'HF_HUB_CACHE']) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  });

  it('a path from the folder, from the home folder, or the embedded model', () => {
    assert.deepEqual(namedModel('/p', 'embedded'), { path: join(packageRoot(), 'models', 'tiny'), named: true });
    assert.equal(namedModel('/p', 'm/x.gguf').path, '/p/m/x.gguf');
    assert.equal(namedModel('/p', '/abs').path, '/abs');
    assert.equal(namedModel('/p', '~/m').path, join(homedir(), 'm'));
    assert.match(namedModel('/p', 'x.gguf').problem ?? '', /^there is no \/p\/x\.gguf\. Give/);
  });

  it('a name that was added, until its file is gone', () => {
    const file = temporary.write('My Model.Q4_1.gguf', 'GGUF');
    const added = rememberModel(file);
    assert.deepEqual(added, { name: 'My-Model.Q4_1', path: file });
    assert.deepEqual(namedModel('/p', added.name), { path: file, named: true });
    rmSync(file);
    assert.match(namedModel('/p', added.name).problem ?? '', /was added as .*, which is gone/);
    forgetModel(added);
    assert.equal(namedModel('/p', added.name).named, false);
  });

  it('what is there as a path wins over a name', () => {
    const file = temporary.write('a.gguf', 'GGUF');
    rememberModel(file, 'sub');
    assert.equal(namedModel(temporary.path, 'sub').path, file);
    mkdirSync(join(temporary.path, 'sub'));
    assert.deepEqual(namedModel(temporary.path, 'sub'), { path: join(temporary.path, 'sub'), named: false });
  });

  it('two files of the same name are told apart, and a file keeps its name', () => {
    const [one, two] = ['one', 'two'].map((folder) => {
      mkdirSync(join(temporary.path, folder));
      return temporary.write(`${folder}/m.gguf`, 'GGUF');
    });
    assert.deepEqual(
      [one, two, one].map((path) => rememberModel(path).name),
      ['m', 'm-2', 'm'],
    );
    assert.throws(() => rememberModel(two, 'm'), /m is the name of .*one.m\.gguf: `palate model remove m` frees it/);
    for (const name of ['', '../x', 'a/b', 'embedded', '.hidden', 'a b']) {
      assert.throws(() => rememberModel(two, name), /is no name for a model/, name);
      assert.equal(findAdded(name), undefined);
    }
    assert.deepEqual(
      listAdded()
        .map(({ name }) => name)
        .sort(),
      ['m', 'm-2'],
    );
  });

  it('a model of the hub, in its cache; else what to do is said', () => {
    const absent = namedModel('/p', 'org/name');
    assert.equal(absent.named, false);
    assert.match(
      absent.problem ?? '',
      /^there is neither \/p\/org\/name nor a model of that name on this machine\. `palate model add org\/name` or Palate: Add Model… gets it/,
    );
    const files = { 'config.json': '{}', 'tokenizer.json': '{}' };
    const snapshot = cacheModel(process.env.HF_HUB_CACHE!, 'org/name', commit, files);
    assert.match(
      namedModel('/p', 'org/name').problem ?? '',
      /^It is not whole: model\.safetensors is missing\. `palate model add/,
    );
    cacheModel(process.env.HF_HUB_CACHE!, 'org/name', commit, { 'model.safetensors': 'x' });
    assert.deepEqual(namedModel('/p', 'org/name'), { path: snapshot, named: true });
    assert.ok(existsSync(join(snapshot, 'model.safetensors')));
  });
});
