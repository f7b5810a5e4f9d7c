import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectInfo, Response } from '../../../server/protocol/types.ts';
import { promptIdOf, responseIdOf } from '../../../server/store/contentIds.ts';
import { decideNext, projects, rowsOf, type TestProject } from '../../support/project.ts';
import { skip } from '../../support/skip.ts';

const image = (path: string) => ({ type: 'image', image: path });
const text = (content: string) => ({ type: 'text', text: content });

describe('ids of what is compared', () => {
  it('stay what they were: labels are found by them', () => {
    const plain = promptIdOf('Hi?');
    assert.equal(plain, 'feede0cd90e405501fd33d8f3ede0a37');
    const chat = promptIdOf([{ role: 'user', content: 'Hi?' }]);
    assert.equal(chat, '259351b9c7cacaf0a5f5e7fb95760ba5');
    assert.equal(responseIdOf(plain, [{ type: 'text', text: 'Yes.' }]), 'c890425a61a48134f60af3b303bdd3fc');
    assert.equal(
      responseIdOf(plain, [
        { type: 'text', text: 'Yes.' },
        { type: 'image', path: 'a.png', sha256: 'ab' },
      ]),
      '6bcbc902b2c77c5a079906108ea28860',
    );
  });

  it('differ with the prompt, the text, the bytes and the order of parts; not with the place of a picture', () => {
    const part = { type: 'text', text: 'x' } as const;
    const picture = (path: string, sha256: string) => ({ type: 'image', path, sha256 }) as const;
    const prompt = promptIdOf('a');
    const ids = [
      responseIdOf(prompt, [part]),
      responseIdOf(promptIdOf('b'), [part]),
      responseIdOf(prompt, [part, part]),
      responseIdOf(prompt, [part, picture('a', '1')]),
      responseIdOf(prompt, [picture('a', '1'), part]),
      responseIdOf(prompt, [part, picture('a', '2')]),
    ];
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(responseIdOf(prompt, [picture('a', '1')]), responseIdOf(prompt, [picture('b', '1')]));
  });
});

describe('prompts and responses of a project', () => {
  const project = projects();
  const open = async (files: TestProject) => {
    const store = await files.open();
    return { store, prompts: await store.prompts(), info: await store.info() };
  };
  const partsOf = ({ parts }: Response) => parts.map((part) => (part.type === 'text' ? part.text : part.path));

  it('are read from every file, each prompt once, in the order of names and lines', async () => {
    const files = project({
      'prompts/b.jsonl': [{ prompt: 'two' }, { prompt: 'one' }],
      'prompts/a.jsonl': '\ufeff{"prompt":"one","extra":1}\r\n\r\n{"messages":[{"role":"user","content":"chat"}]}',
      'prompts/readme.txt': 'not a prompt',
      'responses/z.ndjson': [{ prompt: 'three', completion: 'x', model: 'm', finished: false }],
      'responses/a.jsonl': [
        { prompt: 'one', completion: 'y' },
        { prompt: 'one', completion: 'y', model: 'again' },
        {
          messages: [
            { role: 'user', content: 'chat' },
            { role: 'assistant', content: 'z' },
          ],
        },
        { prompt: 'two', chosen: 'good', rejected: 'bad', chosen_finished: false },
      ],
    });
    const { prompts, info } = await open(files);
    assert.deepEqual(
      prompts.map(({ prompt, file, line, responses }) => [prompt.content, file, line, responses.flatMap(partsOf)]),
      [
        ['one', 'prompts/a.jsonl', 1, ['y']],
        [[{ role: 'user', content: 'chat' }], 'prompts/a.jsonl', 3, ['z']],
        ['two', 'prompts/b.jsonl', 1, ['good', 'bad']],
        ['three', undefined, undefined, ['x']],
      ],
    );
    assert.equal(prompts[3].responses[0].finished, false);
    assert.equal(prompts[2].responses[0].finished, false);
    assert.equal(prompts[0].responses[0].finished, true);
    assert.deepEqual([info.problems, info.counts.prompts, info.counts.textResponses], [[], 4, 5]);
  });

  it('a line that is wrong hides none that is right, and is told with file and line', async () => {
    const bad: [line: string, sentence: RegExp][] = [
      ['{', /not valid JSON/],
      ['[1]', /a JSON object is expected/],
      ['{"prompt":"p"}', /should be \{prompt, completion\} or \{messages\}/],
      ['{"prompt":"p","completion":""}', /completion is empty/],
      ['{"prompt":"p","completion":7}', /completion should be text/],
      ['{"prompt":"p","completion":"c","finished":"no"}', /finished should be true or false/],
      ['{"prompt":"p","completion":"c","model":7}', /model should be text/],
      [`{"prompt":"p","completion":"${'x'.repeat(200_001)}"}`, /completion has 200,001 characters/],
      ['{"prompt":"p","completion":[{"type":"audio"}]}', /is of type "audio": this version knows "text" and "image"/],
      ['{"prompt":"p","completion":[{"type":"image"}]}', /names no picture/],
      ['{"prompt":"p","completion":[{"type":"image","image":7}]}', /should be a path/],
      ['{"prompt":"p","completion":[{"type":"text","text":7}]}', /\.text should be text/],
      ['{"prompt":[{"role":"user","content":[{"type":"image"}]}],"images":["a.png"]}', /pictures in responses only/],
      ['{"prompt":"p","images":"a.png","completion":[{"type":"image"}]}', /images should be a list/],
      ['{"prompt":"p","completion":"c","__proto__":{"x":1}}', /^$/],
    ];
    const files = project({
      'responses/a.jsonl': `${bad.map(([line]) => line).join('\n')}\n{"prompt":"p","completion":"ok"}`,
    });
    const { prompts, info } = await open(files);
    assert.deepEqual(
      prompts.flatMap(({ responses }) => responses.flatMap(partsOf)),
      ['c', 'ok'],
    );
    const wrong = bad.slice(0, -1);
    assert.equal(info.problems.length, wrong.length, info.problems.join('\n'));
    for (const [k, [, sentence]] of wrong.entries()) {
      assert.match(info.problems[k], new RegExp(`^responses/a\\.jsonl:${k + 1}: `));
      assert.match(info.problems[k], sentence);
    }
  });

  it('bytes that are no UTF-8, lines over 8 MB and endless problems are told, not fatal', async () => {
    const files = project({
      'responses/a.jsonl': Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from('{"prompt":"p","completion":"é"}\n')]),
      'responses/b.jsonl': `{"prompt":"p","completion":"${'x'.repeat(9 * 2 ** 20)}"}\n{"prompt":"p","completion":"b"}\n`,
      'responses/c.jsonl': '?\n'.repeat(5000),
    });
    const { prompts, info } = await open(files);
    assert.deepEqual(
      prompts.flatMap(({ responses }) => responses.flatMap(partsOf)),
      ['é', 'b'],
    );
    assert.match(info.problems[0], /^responses\/a\.jsonl:1: this line is not UTF-8/);
    assert.match(info.problems[1], /^responses\/b\.jsonl:1: this line is longer than 8 MB/);
    assert.match(info.problems.at(-1) ?? '', /4950 more lines are left out/);
    assert.ok(info.problems.length < 60);
  });

  it('what is appended, edited or taken away is followed', async () => {
    const files = project({ 'responses/a.jsonl': rowsOf(1) });
    const store = await files.open();
    assert.equal(
      await store.addResponses('new', [{ prompt: 'p1', completion: 'p1 c', finished: false, model: 'm' }]),
      1,
    );
    assert.equal(await store.addResponses('new', [{ prompt: 'p1', completion: ' \n', finished: true, model: 'm' }]), 0);
    const chat = [{ role: 'user', content: 'Hi?' }];
    await store.addResponses('new', [{ prompt: chat, completion: 'Hello.', finished: true, model: 'm' }]);
    assert.equal(
      files.read('responses/new.jsonl'),
      '{"prompt":"p1","completion":"p1 c","finished":false,"model":"m"}\n' +
        '{"prompt":[{"role":"user","content":"Hi?"}],"completion":[{"role":"assistant","content":"Hello."}],"model":"m"}\n',
    );
    assert.deepEqual(
      (await store.prompts()).map(({ responses }) => responses.flatMap(partsOf)),
      [['p1 a', 'p1 b', 'p1 c'], ['Hello.']],
    );
    files.write('responses/a.jsonl', rowsOf(1).slice(1));
    assert.deepEqual((await store.prompts())[0].responses.flatMap(partsOf), ['p1 b', 'p1 c']);
    rmSync(join(files.folder, 'responses', 'new.jsonl'));
    assert.deepEqual(
      (await store.prompts()).map(({ responses }) => responses.flatMap(partsOf)),
      [['p1 b']],
    );
    for (const name of ['../x', 'a/b', '', '.hidden', 'x'.repeat(200)]) {
      await assert.rejects(store.addResponses(name, []), /is no name for a file of responses/);
    }
  });

  describe('with pictures', () => {
    it('in every shape that TRL or a person writes', async () => {
      const files = project({ 'images/a.png': 'A', 'images/b.png': 'B' });
      files.write('responses/a.jsonl', [
        { prompt: 'p', completion: [text('look'), image('images/a.png'), image('images/b.png')] },
        { prompt: 'p', completion: [{ role: 'assistant', content: [image('images/b.png')] }] },
        {
          prompt: 'p',
          completion: [{ type: 'image' }, text('and'), { type: 'image' }],
          images: ['images/a.png', { path: 'images/b.png' }],
        },
        { prompt: 'p', completion: 'see', images: ['images/a.png'] },
        { prompt: 'p', image: 'images/a.png' },
        {
          prompt: [{ role: 'user', content: [text('p')] }],
          images: ['images/a.png', 'images/b.png'],
          chosen: [{ role: 'assistant', content: [{ type: 'image' }] }],
          rejected: [{ role: 'assistant', content: [{ type: 'image' }] }],
        },
      ]);
      const { prompts, info } = await open(files);
      assert.deepEqual(info.problems, []);
      assert.deepEqual(
        prompts.map(({ prompt, responses }) => [prompt.content, responses.map(partsOf)]),
        [
          [
            'p',
            [
              ['look', 'images/a.png', 'images/b.png'],
              ['images/b.png'],
              ['images/a.png', 'and', 'images/b.png'],
              ['see', 'images/a.png'],
              ['images/a.png'],
            ],
          ],
          [[{ role: 'user', content: 'p' }], [['images/a.png'], ['images/b.png']]],
        ],
      );
      assert.equal(info.counts.imageResponses, 7);
      const [part] = prompts[1].responses[0].parts;
      assert.equal(
        part.type === 'image' && part.sha256,
        '559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd',
      );
    });

    const outside: [path: string, sentence: RegExp][] = [
      ['../secret.png', /leaves the folder with "\.\."/],
      ['images/../../secret.png', /leaves the folder with "\.\."/],
      ['/etc/passwd', /is an absolute path/],
      ['\\\\server\\share\\a.png', /is an absolute path/],
      ['C:\\a.png', /is an (address|absolute path)/],
      ['https://example.com/a.png', /is an address; nothing is loaded/],
      ['data:image/png;base64,AAAA', /is an address/],
      ['file:///etc/passwd', /is an address/],
      ['images/a\0.png', /zero byte/],
      ['images/absent.png', /cannot be read: there is no such file.*Paths start at the project's folder/],
      ['images', /is not a file/],
      ['link.png', /symbolic link that leaves the project/],
      ['linked/secret.png', /symbolic link that leaves the project/],
    ];
    for (const [path, sentence] of outside) {
      it(`refuses ${JSON.stringify(path)}`, async function () {
        const files = project({ 'images/a.png': 'A' });
        const other = project({ 'secret.png': 'S' });
        try {
          symlinkSync(join(other.folder, 'secret.png'), join(files.folder, 'link.png'));
          symlinkSync(other.folder, join(files.folder, 'linked'));
        } catch {
          skip(this, 'symbolic links cannot be made here');
        }
        files.write('responses/a.jsonl', [
          { prompt: 'p', completion: [image(path)] },
          { prompt: 'p', completion: [image('images/a.png')] },
        ]);
        const { prompts, info } = await open(files);
        assert.deepEqual(prompts[0].responses.flatMap(partsOf), ['images/a.png']);
        assert.equal(info.problems.length, 1);
        assert.match(info.problems[0], /^responses\/a\.jsonl:1: The picture /);
        assert.match(info.problems[0], sentence);
      });
    }

    it('a link that stays in the project is followed', async () => {
      const files = project({ 'images/a.png': 'A' });
      symlinkSync('images/a.png', join(files.folder, 'link.png'));
      files.write('responses/a.jsonl', [{ prompt: 'p', completion: [image('link.png')] }]);
      assert.deepEqual((await open(files)).info.problems, []);
    });

    it('other bytes are another response: the label stays with the old ones, and comes back with them', async () => {
      const files = project({ 'images/a.png': 'A', 'images/b.png': 'B' });
      files.write(
        'responses/a.jsonl',
        ['images/a.png', 'images/b.png'].map((path) => ({ prompt: 'p', completion: [image(path)] })),
      );
      const store = await files.open();
      const held = (await store.next('ann', 1, [])).comparisons[0];
      await decideNext(store, 'ann', 1);
      assert.equal((await store.next('ann', 1, [])).progress.imagePreferences, 1);
      files.write('images/a.png', 'other');
      assert.equal(
        await store.comparison('ann', held.id),
        null,
        'what is shown is looked at, however recent the last look',
      );
      const { comparisons, progress } = await store.next('ann', 1, []);
      assert.equal(comparisons.length, 1);
      assert.notEqual(comparisons[0].id, held.id);
      assert.equal(progress.imagePreferences, 0);
      files.write('images/a.png', 'A');
      assert.equal((await store.info()).counts.imagePreferences, 1);
    });

    it('that change between being shown and being decided about are not decided about', async () => {
      const files = project({ 'images/a.png': 'A', 'images/b.png': 'B' });
      files.write(
        'responses/a.jsonl',
        ['images/a.png', 'images/b.png'].map((path) => ({ prompt: 'p', completion: [image(path)] })),
      );
      const store = await files.open();
      const [{ id, shown }] = (await store.next('ann', 1, [])).comparisons;
      files.write('images/b.png', 'changed');
      const decision = {
        comparison: id,
        shown: [shown[0].id, shown[1].id] as const,
        choice: 'tie',
        scale: 4,
        aspects: {},
        comment: '',
        ms: 1,
      };
      await assert.rejects(store.decide('ann', decision), /changed or taken away/);
    });

    it('a picture that comes later is found; its hash is kept for the next time, and a broken cache is made anew', async () => {
      const files = project({ 'images/a.png': 'A' });
      files.write(
        'responses/a.jsonl',
        ['images/a.png', 'images/b.png'].map((path) => ({ prompt: 'p', completion: [image(path)] })),
      );
      const store = await files.open();
      const before = await store.info();
      assert.equal(before.problems.length, 1);
      files.write('images/b.png', 'B');
      const found = await store.info();
      assert.deepEqual([found.problems, found.counts.imageResponses], [[], 2]);
      const cache = JSON.parse(files.read('.palate/cache/images.json'));
      assert.deepEqual(Object.keys(cache.files).sort(), ['images/a.png', 'images/b.png']);
      assert.equal(files.read('.palate/.gitignore'), '*\n');
      files.write('.palate/cache/images.json', '{"version":1,"files":{"images/a.png":7');
      assert.equal((await open(files)).info.counts.imageResponses, 2);
    });

    it('text and pictures are not compared with one another, and equal ones not at all', async () => {
      const files = project({ 'images/a.png': 'A', 'images/copy.png': 'A', 'images/b.png': 'B' });
      files.write('responses/a.jsonl', [
        { prompt: 'p', completion: 'same' },
        { prompt: 'p', completion: ' same\n' },
        { prompt: 'p', completion: [image('images/a.png')] },
        { prompt: 'p', completion: [image('images/copy.png')] },
        { prompt: 'p', completion: [image('images/b.png')] },
      ]);
      const store = await files.open();
      const { comparisons, progress } = await store.next('ann', 10, []);
      assert.deepEqual([comparisons.length, comparisons[0].modality, progress.remaining], [1, 'image', 1]);
    });
  });

  it('a folder in the place of a file, and a file in the place of a folder, are told', async () => {
    const files = project({ prompts: 'a file' });
    mkdirSync(join(files.folder, 'responses', 'a.jsonl'), { recursive: true });
    const { info } = await open(files);
    assert.match(info.problems.join('\n'), /Cannot read the folder prompts: a part of its path is a file/);
    assert.match(info.problems.join('\n'), /responses\/a\.jsonl is not a file/);
    rmSync(join(files.folder, 'prompts'));
    renameSync(join(files.folder, 'responses'), join(files.folder, 'elsewhere'));
    writeFileSync(join(files.folder, 'palate.json'), '{ "version": 1, "seed": 3 }');
    const again: ProjectInfo = await (await files.open()).info();
    assert.deepEqual(again.problems, []);
  });
});
