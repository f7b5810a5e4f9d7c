import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference } from '../../../server/hub/reference.ts';
import { findDownloaded, listDownloaded } from '../../../server/library/downloaded.ts';
import type { Answer } from '../../support/fileServer.ts';
import { sha256 } from '../../support/hub.ts';
import { commit, folderFiles, hubSuite, laterCommit, stall } from '../../support/hubSuite.ts';

describe('a model of the hub', () => {
  const suite = hubSuite();
  const { get, open, asked, stopAfter, repositoryFolder, staging } = suite;

  it('comes whole, with what it needs and nothing else, small files first', async () => {
    await open();
    const path = await get('org/name');
    assert.equal(path, join(repositoryFolder(), commit.slice(0, 12)));
    for (const [name, content] of Object.entries(folderFiles()))
      assert.ok(readFileSync(join(path, name)).equals(content));
    assert.deepEqual(readdirSync(path).sort(), [...Object.keys(folderFiles()), 'palate-download.json'].sort());
    assert.deepEqual(readdirSync(repositoryFolder()), [commit.slice(0, 12)]);
    const part = `models/hub/org--name/${commit.slice(0, 12)}.part`;
    assert.deepEqual(suite.checks, [`configuration ${part}`, `model ${part}`]);
    const bytes = Object.values(folderFiles()).reduce((sum, { length }) => sum + length, 0);
    assert.deepEqual(suite.progress.at(-1), [bytes, bytes]);
    assert.deepEqual(
      suite.hub.log.map((line) => line.replace(/\?.*/, '')),
      [
        'hub GET /api/models/org/name/revision/main',
        ...['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map(
          (name) => `hub GET /org/name/resolve/${commit}/${name}`,
        ),
        'cdn GET /model.safetensors',
      ],
    );
    assert.deepEqual(findDownloaded(parseReference('org/name')!, suite.home), { path });
    assert.equal(findDownloaded(parseReference('org/name@v1')!, suite.home), undefined);
    assert.deepEqual(findDownloaded(parseReference(`org/name@${commit.slice(0, 8)}`)!, suite.home), { path });
  });

  it('goes on where it was stopped, by range and version', async () => {
    await open();
    const content = folderFiles()['model.safetensors'];
    suite.hub.cdn['model.safetensors'] = stall(content, 100_000);
    await stopAfter(50_000);
    const [part] = readdirSync(staging()).filter((name) => name.endsWith('.part'));
    const have = readFileSync(join(staging(), part));
    assert.ok(have.length > 0 && have.equals(content.subarray(0, have.length)));
    assert.equal(
      findDownloaded(parseReference('org/name')!, suite.home),
      undefined,
      'nothing that is not whole is found',
    );
    const [listed] = listDownloaded(suite.home);
    assert.ok(listed.part && listed.part > have.length);

    delete suite.hub.cdn['model.safetensors'];
    const path = await get('org/name');
    assert.ok(readFileSync(join(path, 'model.safetensors')).equals(content));
    const { range, ifRange } = asked('model.safetensors').at(-1)!;
    assert.deepEqual([range, ifRange], [`bytes=${have.length}-`, `"${sha256(content)}"`]);
    assert.equal(
      suite.hub.log.filter((line) => line.endsWith('/config.json')).length,
      1,
      'what is whole is not asked for again',
    );
  });

  it('begins anew where the file is another one by now', async () => {
    await open();
    suite.hub.cdn['model.safetensors'] = stall(folderFiles()['model.safetensors'], 100_000);
    await stopAfter(50_000);
    delete suite.hub.cdn['model.safetensors'];
    const changed = Buffer.alloc(300_000, 'other weights ');
    suite.hub.repositories['org/name'].files['model.safetensors'] = changed;
    suite.hub.repositories['org/name'].commit = laterCommit;
    const path = await get('org/name');
    assert.ok(readFileSync(join(path, 'model.safetensors')).equals(changed));
    assert.equal(asked('model.safetensors').at(-1)?.range, undefined);
    assert.deepEqual(
      readdirSync(repositoryFolder()),
      [laterCommit.slice(0, 12)],
      'the part of the old commit was taken over',
    );
  });

  it('takes nothing over of another commit that the new one does not have', async () => {
    await open();
    suite.hub.cdn['model.safetensors'] = stall(folderFiles()['model.safetensors'], 100_000);
    await stopAfter(50_000);
    const { 'model.safetensors': _, ...files } = folderFiles();
    const shard = 'model-00001-of-00001.safetensors';
    const index = Buffer.from(JSON.stringify({ weight_map: { a: shard } }));
    const sharded = { ...files, 'model.safetensors.index.json': index, [shard]: Buffer.alloc(100) };
    suite.hub.repositories['org/name'] = { commit: laterCommit, files: sharded };
    const path = await get('org/name');
    assert.deepEqual(readdirSync(path).sort(), [...Object.keys(sharded), 'palate-download.json'].sort());
  });

  it('begins anew where the storage has another version under the same name', async () => {
    await open();
    const content = folderFiles()['model.safetensors'];
    suite.hub.cdn['model.safetensors'] = (request, response) => {
      stall(content, 100_000)(request, response);
    };
    await stopAfter(50_000);
    const [note] = readdirSync(staging()).filter((name) => name.endsWith('.part.json'));
    const { sum } = JSON.parse(readFileSync(join(staging(), note), 'utf8'));
    writeFileSync(join(staging(), note), JSON.stringify({ sum, etag: '"an older version"' }));
    delete suite.hub.cdn['model.safetensors'];
    const path = await get('org/name');
    assert.ok(readFileSync(join(path, 'model.safetensors')).equals(content));
    assert.equal(asked('model.safetensors').at(-1)?.ifRange, '"an older version"');
  });

  for (const [name, algorithm] of [
    ['model.safetensors', 'SHA-256'],
    ['tokenizer.json', 'git checksum'],
  ]) {
    it(`refuses ${name} where its bytes are not those the hub states`, async () => {
      await open();
      const wrong = Buffer.from(folderFiles()[name as 'tokenizer.json']);
      wrong[wrong.length >> 1] ^= 1;
      const answer: Answer = (_, response) => response.writeHead(200, { 'content-length': wrong.length }).end(wrong);
      suite.hub.cdn[name] = answer;
      if (name === 'tokenizer.json') suite.hub.answers[`/org/name/resolve/${commit}/${name}`] = answer;
      await assert.rejects(get('org/name'), new RegExp(`${name} arrived damaged \\(its ${algorithm}`));
      assert.ok(!existsSync(join(staging(), name)));
      assert.equal(findDownloaded(parseReference('org/name')!, suite.home), undefined);
      delete suite.hub.cdn[name];
      delete suite.hub.answers[`/org/name/resolve/${commit}/${name}`];
      await get('org/name');
    });
  }

  it('the token goes to the hub and not to where it redirects', async () => {
    await open({ gatedFor: 'hf_secret' });
    await get('org/name', { HF_TOKEN: 'hf_secret' });
    const sent = (at: string) =>
      new Set(suite.hub.asked.filter((one) => one.at === at).map((one) => one.authorization));
    assert.deepEqual([...sent('hub')], ['Bearer hf_secret']);
    assert.deepEqual([...sent('cdn')], [undefined]);
  });

  it('reads the token from its file, and leaves it where it shall not be used unasked', async () => {
    await open({ gatedFor: 'hf_file' });
    const HF_TOKEN_PATH = suite.temporary.write('token', 'hf_file\n');
    await assert.rejects(get('org/name', { HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }), /is gated/);
    await get('org/name', { HF_TOKEN_PATH });
  });

  it('asks each file for its size and checksum where the list does not say them', async () => {
    await open({ bare: true });
    const path = await get('org/name');
    assert.ok(readFileSync(join(path, 'model.safetensors')).equals(folderFiles()['model.safetensors']));
    assert.equal(suite.hub.log.filter((line) => line.startsWith('hub HEAD')).length, 4);
    assert.equal(suite.hub.log.filter((line) => line.startsWith('cdn HEAD')).length, 0);
  });

  it('shards come as the index names them', async () => {
    const { 'model.safetensors': _, ...files } = folderFiles();
    const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const index = { weight_map: { a: names[0], b: names[1], c: names[0] } };
    const shards = {
      [names[0]]: Buffer.alloc(1000, 1),
      [names[1]]: Buffer.alloc(2000, 2),
      'x-of.safetensors': Buffer.alloc(9),
    };
    await open({ files: { ...files, 'model.safetensors.index.json': Buffer.from(JSON.stringify(index)), ...shards } });
    const path = await get('org/name');
    assert.deepEqual(
      readdirSync(path).filter((name) => name.endsWith('.safetensors')),
      names,
    );
    const bytes = Object.values(files).reduce((sum, { length }) => sum + length, JSON.stringify(index).length + 3000);
    assert.deepEqual(suite.progress.at(-1), [bytes, bytes]);
  });

  it('one GGUF file is the model; of several one has to be named, and each is kept apart', async () => {
    const gguf = (text: string) => Buffer.from(`GGUF${text}`);
    await open({
      files: { 'm.Q4_0.gguf': gguf('one'), 'sub/m.Q8_0.gguf': gguf('two'), 'README.md': Buffer.from('x') },
    });
    await assert.rejects(
      get('org/name'),
      /several GGUF files; say which one:\n {2}org\/name:m\.Q4_0\.gguf\n {2}org\/name:sub\/m\.Q8_0\.gguf/,
    );
    await assert.rejects(get('org/name:m.Q5.gguf'), /has no file m\.Q5\.gguf: org\/name holds several/);
    const first = await get('org/name:m.Q4_0.gguf');
    assert.equal(readFileSync(first, 'utf8'), 'GGUFone');
    assert.deepEqual(findDownloaded(parseReference('org/name')!, suite.home), { path: first });
    const second = await get('org/name:sub/m.Q8_0.gguf');
    assert.equal(readFileSync(second, 'utf8'), 'GGUFtwo');
    assert.match(findDownloaded(parseReference('org/name')!, suite.home)?.problem ?? '', /several GGUF files/);
    assert.deepEqual(findDownloaded(parseReference('org/name:m.Q4_0.gguf')!, suite.home), { path: first });
  });

  it('is not downloaded twice at the same time', async () => {
    await open();
    suite.hub.cdn['model.safetensors'] = stall(folderFiles()['model.safetensors'], 100_000);
    const controller = new AbortController();
    const first = get('org/name', {}, { signal: controller.signal });
    first.catch(() => {});
    while (asked('model.safetensors').length === 0) await new Promise(setImmediate);
    await assert.rejects(get('org/name'), /org\/name is being downloaded already \(process \d+; last sign of life/);
    controller.abort();
    await assert.rejects(first, { name: 'AbortError' });
  });

  it('a newer commit does not replace the older one, which keeps a name', async () => {
    await open();
    const old = await get('org/name');
    suite.hub.repositories['org/name'].commit = laterCommit;
    const newer = await get('org/name');
    assert.notEqual(old, newer);
    assert.deepEqual(findDownloaded(parseReference('org/name')!, suite.home), { path: newer });
    assert.deepEqual(
      listDownloaded(suite.home).map(({ reference }) => reference),
      [{ repository: 'org/name' }, { repository: 'org/name', revision: commit.slice(0, 12) }],
    );
    await get(`org/name@${laterCommit}`);
    assert.equal(listDownloaded(suite.home).length, 2, 'the same commit under another name is the same');
    assert.deepEqual(findDownloaded(parseReference(`org/name@${laterCommit}`)!, suite.home), { path: newer });
  });
});
