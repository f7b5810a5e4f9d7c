import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { ppoConfig, rewardConfig } from '../../server/engine/stages/config.ts';
import { packageRoot } from '../../server/paths.ts';

describe('docs/ppo-details.md', () => {
  const text = readFileSync(join(packageRoot(), 'docs/ppo-details.md'), 'utf8');

  it('names defaults that are the defaults', () => {
    const sections: Record<string, Record<string, unknown>> = {
      ppo: v.parse(ppoConfig, {}),
      reward: v.parse(rewardConfig, {}),
    };
    const named = [...text.matchAll(/`(?:(reward)\.)?(\w+): ([^`\s]+)`/g)].filter(([, , key]) => key !== 'name');
    assert.ok(named.length > 20);
    for (const [written, section = 'ppo', key, value] of named) {
      const actual = sections[section][key];
      const expected = typeof actual === 'number' ? Number(value) : value;
      assert.equal(typeof actual === 'number' ? actual : String(actual), expected, written);
    }
  });

  it('says of every setting of PPO, and of no other, how it is set', () => {
    const settings = Object.keys(ppoConfig.entries);
    // The optimiser's and the size of a run, which neither list speaks of.
    const elsewhere = [
      'learningRate',
      'valueHeadLearningRate',
      'iterations',
      'warmupSteps',
      'weightDecay',
      'beta1',
      'beta2',
      'recompute',
    ];
    const missing = settings.filter((key) => !elsewhere.includes(key) && !new RegExp(`\`${key}[:\`]`).test(text));
    assert.deepEqual(missing, []);
    for (const [, key] of text.matchAll(/option `(\w+)/g)) assert.ok(settings.includes(key), key);
  });

  it('names tests that exist', () => {
    const named = [...text.matchAll(/`(test\/[^`]+)`: “([^”]+)”/g)];
    assert.ok(named.length > 30);
    for (const [, file, title] of named) {
      const path = join(packageRoot(), file);
      assert.ok(existsSync(path), file);
      assert.ok(readFileSync(path, 'utf8').includes(title), `${file} has no test “${title}”`);
    }
    const titles = [...text.matchAll(/“/g)].length;
    assert.equal(named.length, titles - [...text.matchAll(/; “/g)].length, 'every title stands behind its file');
  });
});
