import assert from 'node:assert/strict';
import { largeFileText } from '../../../../client/wording/largeFile.ts';

const limit = 50 * 1024 * 1024;

describe('a file that the editor does not send', () => {
  it('is named with its size, and with what scores it', () => {
    const text = largeFileText('/a/b/rows.jsonl', 61_000_000);
    assert.match(text ?? '', /^rows\.jsonl has 61 MB\. .* over 50 MB .*Score File/);
    assert.match(largeFileText('C:\\a\\Rows.NDJSON', limit + 1) ?? '', /^Rows\.NDJSON has 53 MB/);
  });

  const quiet: [path: string, size: number][] = [
    ['/a/rows.jsonl', 0],
    ['/a/rows.jsonl', limit],
    ['/a/rows.json', limit + 1],
    ['/a/rows.jsonl.gz', limit + 1],
    ['/a/jsonl', limit + 1],
  ];
  for (const [path, size] of quiet) {
    it(`nothing is said of ${path} of ${size} bytes`, () => assert.equal(largeFileText(path, size), undefined));
  }
});
