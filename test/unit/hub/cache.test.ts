import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findInCache, listCache } from '../../../server/hub/cache.ts';
import { parseReference, referenceText } from '../../../server/hub/reference.ts';
import { hubCache } from '../../../server/hub/settings.ts';
import { cacheModel } from '../../support/hubCache.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe("the hub's cache", () => {
  const temporary = temporaryFolder();
  const commit = 'a1b2c3d4'.padEnd(40, '0');
  const whole = { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': 'weights' };
  let cache = '';
  let caches = 0;
  const env = () => ({ HF_HUB_CACHE: cache });
  const find = (text: string) => findInCache(parseReference(text)!, env());
  beforeEach(() => {
    cache = join(temporary.path, `cache-${++caches}`);
  });

  it('lies where the variables of its other tools say', () => {
    assert.equal(hubCache({ HF_HUB_CACHE: '/a' }), '/a');
    assert.equal(hubCache({ HF_HOME: '/b' }), join('/b', 'hub'));
    assert.equal(hubCache({ XDG_CACHE_HOME: '/c' }), join('/c', 'huggingface', 'hub'));
    assert.match(hubCache({}), /\.cache.huggingface.hub$/);
  });

  it('a folder is found through its links, by branch, tag and commit', () => {
    const snapshot = cacheModel(cache, 'org/name', commit, whole, ['main', 'v1', 'refs/pr/2']);
    for (const text of ['org/name', 'org/name@v1', 'org/name@refs/pr/2', `org/name@${commit}`, 'org/name@a1b2c3d']) {
      assert.deepEqual(find(text), { path: snapshot }, text);
    }
    for (const text of ['org/other', 'org/name@v2', 'org/name@a1b2', 'org/name:x.gguf']) {
      assert.equal(find(text), undefined, text);
    }
  });

  it('nothing is found where there is no cache', () => {
    assert.equal(find('org/name'), undefined);
    assert.deepEqual(listCache(env()), []);
  });

  it('what is not whole says what is missing: a file, a shard, a blob', () => {
    const { 'tokenizer.json': _, ...noTokenizer } = whole;
    cacheModel(cache, 'org/a', commit, noTokenizer);
    assert.deepEqual(find('org/a')?.incomplete, true);
    assert.match(find('org/a')?.problem ?? '', /tokenizer\.json is missing/);
    const index = JSON.stringify({ weight_map: { x: 'model-1.safetensors', y: 'model-2.safetensors' } });
    const { 'model.safetensors': __, ...rest } = whole;
    cacheModel(cache, 'org/b', commit, { ...rest, 'model.safetensors.index.json': index, 'model-1.safetensors': 'x' });
    assert.match(find('org/b')?.problem ?? '', /model-2\.safetensors is missing/);
    const snapshot = cacheModel(cache, 'org/c', commit, whole);
    rmSync(join(snapshot, 'model.safetensors'));
    symlinkSync('../../blobs/gone', join(snapshot, 'model.safetensors'));
    assert.match(find('org/c')?.problem ?? '', /model\.safetensors is missing/);
  });

  it('GGUF files are found by name, alone without', () => {
    const snapshot = cacheModel(cache, 'org/a', commit, { 'm.Q4.gguf': 'GGUF' });
    assert.deepEqual(find('org/a'), { path: join(snapshot, 'm.Q4.gguf') });
    cacheModel(cache, 'org/a', commit, { 'sub/m.Q8.gguf': 'GGUF' });
    assert.match(
      find('org/a')?.problem ?? '',
      /several GGUF files; say which one:\n {2}org\/a:m\.Q4\.gguf\n {2}org\/a:sub/,
    );
    assert.deepEqual(find('org/a:sub/m.Q8.gguf'), { path: join(snapshot, 'sub', 'm.Q8.gguf') });
  });

  it('a branch that names another place than a snapshot leads nowhere', () => {
    cacheModel(cache, 'org/name', commit, whole, []);
    const ref = join(cache, 'models--org--name', 'refs', 'main');
    mkdirSync(dirname(ref), { recursive: true });
    writeFileSync(ref, '../../../elsewhere');
    assert.equal(find('org/name'), undefined);
  });

  it('is listed under names that find it', () => {
    const older = 'b'.repeat(40);
    cacheModel(cache, 'org/name', older, whole, []);
    cacheModel(cache, 'org/name', commit, whole);
    cacheModel(cache, 'org/quantised', commit, { 'm.gguf': 'GGUF', 'n.gguf': 'GGUF' });
    mkdirSync(join(cache, 'datasets--org--data', 'snapshots', commit), { recursive: true });
    const listed = listCache(env());
    assert.deepEqual(
      listed.map(({ reference }) => referenceText(reference)),
      ['org/name', `org/name@${older.slice(0, 12)}`, 'org/quantised:m.gguf', 'org/quantised:n.gguf'],
    );
    for (const { reference, path } of listed) assert.deepEqual(find(referenceText(reference)), { path });
  });
});
