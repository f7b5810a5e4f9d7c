import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { commit, folderFiles, hubSuite } from '../../support/hubSuite.ts';
import { skip } from '../../support/skip.ts';

describe('a model of the hub is refused', () => {
  const suite = hubSuite();
  const { get, open, asked, repositoryFolder, staging } = suite;

  it('says how to be let in where it is gated', async () => {
    await open({ gatedFor: 'hf_secret' });
    await assert.rejects(
      get('org/name'),
      /^UserError: org\/name is gated: accept its conditions at http:.*\/org\/name, then give a token of yours \(.*\/settings\/tokens\) in the environment variable HF_TOKEN or in the file .*token\.$/,
    );
    await assert.rejects(
      get('org/name', { HF_TOKEN: 'hf_other' }),
      /is gated: .*; the token that was sent belongs to somebody/,
    );
  });

  it('says what is not there', async () => {
    await open();
    await assert.rejects(get('org/absent'), /has no model org\/absent: check the name; if it is private, give a token/);
    await assert.rejects(get('org/name@v9'), /org\/name has no revision "v9"/);
    await assert.rejects(get('org/name:x.gguf'), /has no file x\.gguf: it holds no GGUF file at all/);
    await suite.closeHub();
    await assert.rejects(get('org/name'), /127\.0\.0\.1:\d+ cannot be reached \(\w+\): .*HF_ENDPOINT/);
    await assert.rejects(get('org/name', { HF_HUB_OFFLINE: '1' }), /HF_HUB_OFFLINE forbids/);
  });

  for (const name of [
    '../evil.safetensors',
    '/etc/evil.safetensors',
    'a/b.safetensors',
    'C:\\evil.safetensors',
    '..',
  ]) {
    it(`an index that names ${name} is refused`, async () => {
      const { 'model.safetensors': _, ...files } = folderFiles();
      const index = Buffer.from(JSON.stringify({ weight_map: { a: name } }));
      await open({ files: { ...files, 'model.safetensors.index.json': index, [name]: Buffer.alloc(10) } });
      await assert.rejects(get('org/name'), /model\.safetensors\.index\.json names .*, which is no plain name/);
    });
  }

  for (const name of [
    '../evil.gguf',
    '/tmp/evil.gguf',
    '..\\evil.gguf',
    'a/../../evil.gguf',
    'a\nb.gguf',
    '.hidden.gguf',
  ]) {
    it(`a repository whose GGUF file is called ${JSON.stringify(name)} is refused`, async () => {
      await open({ files: {}, listed: [name] });
      await assert.rejects(get('org/name'), /calls a file .*, which is no plain name/);
      assert.ok(!existsSync(repositoryFolder()));
      assert.equal(suite.hub.asked.length, 1);
    });
  }

  const refusals: [string, string[], RegExp][] = [
    [
      'pickles only',
      ['config.json', 'tokenizer.json', 'pytorch_model.bin'],
      /as Python pickles only \("pytorch_model\.bin"\)/,
    ],
    ['an adapter', ['adapter_config.json', 'adapter_model.safetensors'], /is an adapter, not a model/],
    ['no tokenizer', ['config.json', 'model.safetensors'], /has no tokenizer\.json/],
    ['a split GGUF', ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'], /is one part of several/],
    ['a data set', ['data.parquet'], /holds no model that Palate reads/],
  ];
  for (const [what, listed, sentence] of refusals) {
    it(`${what}: refused after one request`, async () => {
      await open({ files: {}, listed });
      await assert.rejects(get('org/name'), sentence);
      assert.equal(suite.hub.asked.length, 1);
    });
  }

  it('a configuration that cannot be used ends it before the weights come', async () => {
    await open();
    const refused = get(
      'org/name',
      {},
      {
        check(_, what) {
          if (what === 'configuration') throw new Error('not this one');
        },
      },
    );
    await assert.rejects(refused, /not this one/);
    assert.equal(asked('model.safetensors').length, 0);
  });

  it('a GGUF file of an architecture that the hub names and Palate does not read is not begun', async () => {
    await open({ files: { 'm.gguf': Buffer.from('GGUF') }, architecture: 'gemma9' });
    const accept = (architecture: string) => {
      throw new Error(`no ${architecture}`);
    };
    await assert.rejects(get('org/name', {}, { accept }), /no gemma9/);
    assert.equal(suite.hub.asked.length, 1);
  });

  it('what cannot be checked is not downloaded', async () => {
    await open({ bare: true });
    suite.hub.answers[`/org/name/resolve/${commit}/config.json`] = (_, response) => response.writeHead(200).end();
    await assert.rejects(get('org/name'), /says no size or no checksum of org\/name, "config\.json"/);
  });

  it('what does not fit on the disk is not begun', async () => {
    await open();
    const huge = { rfilename: 'model.safetensors', size: 2 ** 52, lfs: { sha256: 'a'.repeat(64), size: 2 ** 52 } };
    const small = ['config.json', 'tokenizer.json'].map((rfilename) => ({
      rfilename,
      size: 1,
      blobId: 'b'.repeat(40),
    }));
    suite.hub.answers['/api/models/org/name/revision/main?blobs=true'] = (_, response) =>
      response.end(JSON.stringify({ sha: commit, siblings: [huge, ...small] }));
    await assert.rejects(
      get('org/name'),
      /org\/name needs 4503\d+\.\d GB more in .*org--name, and .* are free: free some, or name/,
    );
    assert.equal(suite.hub.asked.length, 1);
  });

  it('a disk that fills up is said, and what has come is kept', async function () {
    if (!existsSync('/dev/full')) skip(this, 'there is no /dev/full here, which stands for a disk that is full');
    await open();
    mkdirSync(staging(), { recursive: true });
    symlinkSync('/dev/full', join(staging(), 'model.safetensors.part'));
    await assert.rejects(get('org/name'), /The disk of .*org--name is full: free some, .*is kept for the next try/);
    assert.ok(existsSync(join(staging(), 'config.json')));
  });

  it('what the hub says is looked at before it is believed', async () => {
    await open();
    const path = '/api/models/org/name/revision/main?blobs=true';
    for (const [answer, sentence] of [
      ['<html>', /sends no JSON/],
      [JSON.stringify({ sha: '../../x', siblings: [] }), /what Palate does not understand \(sha/],
      [JSON.stringify({ sha: commit, siblings: [{ rfilename: 'config.json', size: -1 }] }), /does not understand/],
      [JSON.stringify({ sha: commit, siblings: [{ rfilename: 'a', lfs: { sha256: '../x' } }] }), /does not understand/],
    ] as const) {
      suite.hub.answers[path] = (_, response) => response.end(answer);
      await assert.rejects(get('org/name'), sentence);
    }
    suite.hub.answers[path] = (_, response) => response.writeHead(429, { 'retry-after': '30' }).end();
    await assert.rejects(get('org/name'), /asks to wait 30 s/);
    suite.hub.answers[path] = (_, response) => response.writeHead(302, { location: path }).end();
    await assert.rejects(get('org/name'), /without end/);
    suite.hub.answers[path] = (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    await assert.rejects(get('org/name'), /leads to "file:\/\/\/etc\/passwd", which is no address of the web/);
    assert.ok(!existsSync(repositoryFolder()));
  });
});
