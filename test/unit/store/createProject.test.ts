import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reviewPrompts } from '../../../server/demo/reviews.ts';
import { UserError } from '../../../server/errors.ts';
import { createProject } from '../../../server/store/createProject.ts';
import { findProject } from '../../../server/store/findProject.ts';
import { openProjectStore } from '../../../server/store/openProjectStore.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('a new project', () => {
  const temporary = temporaryFolder();
  const folder = (name: string) => join(temporary.path, name);
  const read = (...names: string[]) => readFileSync(join(temporary.path, ...names), 'utf8');

  it('has what labelling needs, and nothing is wrong with it', async () => {
    await createProject(folder('new'));
    assert.deepEqual(JSON.parse(read('new', 'palate.json')), { version: 1, model: 'embedded' });
    assert.equal(read('new', '.gitattributes'), 'feedback/*.jsonl merge=union\n');
    assert.equal(read('new', '.palate', '.gitignore'), '*\n');
    assert.match(read('new', 'guidelines.md'), /^# Guidelines/);
    const store = await openProjectStore(folder('new'));
    const info = await store.info();
    assert.deepEqual([info.problems, info.counts.prompts, info.name], [[], 20, 'new']);
    const queue = await store.next('ann', 1, []);
    assert.equal(queue.empty, 'noResponses');
    assert.match(queue.settings.guidelines, /^# Guidelines/);
    await store.close();
  });

  it('asks for reviews where the model is the embedded one, which knows nothing else, and any other for more', async () => {
    const known = new Set(reviewPrompts('train'));
    const asked = (name: string) => read(name, 'prompts', 'prompts.jsonl').trim().split('\n');
    await createProject(folder('reviews'));
    assert.ok(asked('reviews').every((line) => known.has(JSON.parse(line).prompt)));
    assert.match(read('reviews', 'guidelines.md'), /review/);
    temporary.write('base.gguf', '');
    await createProject(folder('instructions'), join(temporary.path, 'base.gguf'));
    assert.equal(asked('instructions').length, 20);
    assert.ok(asked('instructions').every((line) => !known.has(JSON.parse(line).prompt)));
    assert.doesNotMatch(read('instructions', 'guidelines.md'), /review/);
  });

  it('is refused where there is one', async () => {
    await createProject(folder('twice'));
    const before = read('twice', 'palate.json');
    await assert.rejects(
      createProject(folder('twice')),
      (error) => error instanceof UserError && /is a project already/.test(error.message),
    );
    assert.equal(read('twice', 'palate.json'), before);
  });

  it('leaves files that are there as they are', async () => {
    mkdirSync(join(folder('old'), 'prompts'), { recursive: true });
    writeFileSync(join(folder('old'), 'prompts', 'mine.jsonl'), '{"prompt":"mine"}\n');
    writeFileSync(join(folder('old'), 'guidelines.md'), 'mine');
    writeFileSync(join(folder('old'), '.gitattributes'), '*.png binary');
    await createProject(folder('old'));
    assert.equal(read('old', 'guidelines.md'), 'mine');
    assert.equal(read('old', '.gitattributes'), '*.png binary\nfeedback/*.jsonl merge=union\n');
    assert.equal(existsSync(join(folder('old'), 'prompts', 'prompts.jsonl')), false);
  });

  it('is refused with a model that is not there, and in a place that is none', async () => {
    await assert.rejects(createProject(folder('none'), 'absent.gguf'), /model is "absent\.gguf", but there is no/);
    assert.equal(existsSync(folder('none')), false);
    temporary.write('file', '');
    await assert.rejects(
      createProject(folder('file')),
      (error) => error instanceof UserError && /Cannot (make a project in|look at)/.test(error.message),
    );
  });

  it('is found from below, and opening another folder says what it is not', async () => {
    await createProject(folder('found'));
    mkdirSync(join(folder('found'), 'a', 'b'), { recursive: true });
    assert.equal(findProject(join(folder('found'), 'a', 'b')), folder('found'));
    assert.throws(() => findProject(temporary.path), /is in no Palate project/);
    await assert.rejects(
      openProjectStore(temporary.path),
      /is no Palate project: cannot read palate\.json: there is no such file/,
    );
  });
});
