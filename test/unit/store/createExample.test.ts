import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { parseConfig } from '../../../server/config.ts';
import { UserError } from '../../../server/errors.ts';
import { packageRoot } from '../../../server/paths.ts';
import { createExample } from '../../../server/store/createExample.ts';
import { openProjectStore } from '../../../server/store/openProjectStore.ts';
import { projectConfig } from '../../../server/store/projectConfig.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const examples = join(packageRoot(), 'examples');
const lines = (name: string) =>
  readFileSync(join(examples, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the example', () => {
  const folder = temporaryFolder();

  it('is copied whole into a new folder, with a folder of its own that git leaves alone', async () => {
    const target = join(folder.path, 'new', 'example');
    await createExample(target);
    const names = (path: string) =>
      (readdirSync(path, { recursive: true }) as string[]).filter((name) => !name.startsWith('.palate')).sort();
    assert.deepEqual(names(target), names(examples));
    assert.equal(readFileSync(join(target, '.palate', '.gitignore'), 'utf8'), '*\n');
  });

  it('goes into an empty repository, and nowhere where something is', async () => {
    const target = join(folder.path, 'repository');
    mkdirSync(join(target, '.git'), { recursive: true });
    await createExample(target);
    assert.ok(existsSync(join(target, 'palate.json')));
    rmSync(join(target, 'palate.json'));
    await assert.rejects(
      createExample(target),
      (error) => error instanceof UserError && /not empty/.test(error.message),
    );
    assert.ok(!existsSync(join(target, 'palate.json')));
  });

  it('has a valid palate.json, two responses to each prompt, and pictures in five formats', async () => {
    parseConfig(projectConfig, JSON.parse(readFileSync(join(examples, 'palate.json'), 'utf8')), 'palate.json');
    const texts = grouped<{ prompt: string; completion: string; model: string }>(lines('responses/reviews.jsonl'));
    assert.ok(texts.length >= 30);
    for (const [a, b] of texts) {
      assert.notEqual(a.completion, b.completion);
      assert.notEqual(a.model, b.model);
    }
    const pictures = lines('responses/pictures.jsonl') as { prompt: string; images: string[] }[];
    assert.ok(grouped(pictures).length >= 8);
    const formats = new Set<string>();
    for (const { images } of pictures) {
      const { format, compression } = await sharp(join(examples, images[0])).metadata();
      formats.add(compression === 'av1' ? 'avif' : format);
    }
    assert.deepEqual([...formats].sort(), ['avif', 'gif', 'jpeg', 'png', 'webp']);
  });

  it('shows reviews and pictures to whoever labels twenty pairs', async () => {
    const target = join(folder.path, 'queue');
    await createExample(target);
    const store = await openProjectStore(target);
    try {
      const { comparisons } = await store.next('ada', 20, []);
      const pictures = comparisons.filter(({ modality }) => modality === 'image').length;
      assert.equal(comparisons.length, 20);
      assert.equal(pictures, 4);
    } finally {
      await store.close();
    }
  });

  it('is at most 1 MB', () => {
    const bytes = (readdirSync(examples, { recursive: true }) as string[])
      .map((name) => statSync(join(examples, name)))
      .filter((status) => status.isFile())
      .reduce((sum, { size }) => sum + size, 0);
    assert.ok(bytes <= 2 ** 20, `${bytes} bytes`);
  });
});

/** Rows of each prompt. */
function grouped<Row extends { prompt: string }>(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.prompt, [...(groups.get(row.prompt) ?? []), row]);
  return [...groups.values()];
}
