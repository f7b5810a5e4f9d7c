import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openProjectStore } from '../../../server/store/openProjectStore.ts';
import { builtServer } from '../../support/programs.ts';
import { type ServerClient, startServer } from '../../support/serverClient.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('a new project on the embedded model', function () {
  this.timeout(120_000);
  const temporary = temporaryFolder();
  let server: ServerClient;
  before(async () => {
    server = await startServer({ program: builtServer() });
  });
  after(() => server.close());

  it('asks what that model can answer: hardly an answer is blank or half a sentence', async () => {
    const { folder: project } = await server.call('createProject', { folder: join(temporary.path, 'new') });
    const ended = await server.jobEnds(await server.call('generate', { project, samples: 2, maxNewTokens: 24 }));
    assert.equal(ended.status, 'done', ended.failure);
    const store = await openProjectStore(project);
    const texts = (await store.prompts()).flatMap(({ responses }) =>
      responses.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))),
    );
    await store.close();
    assert.ok(texts.length >= 38, `${40 - texts.length} of 40 answers are blank or say the same`);
    const sentences = texts.filter((text) => /^ ?[A-Z]\S*( \S+){3}/.test(text));
    assert.ok(sentences.length >= 36, texts.join('\n'));
  });
});
