import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { palateHome } from '../../server/paths.ts';

describe('palateHome', () => {
  const cases: [platform: NodeJS.Platform, env: NodeJS.ProcessEnv, expected: string][] = [
    ['linux', { PALATE_HOME: 'here' }, resolve('here')],
    ['win32', { PALATE_HOME: 'here', LOCALAPPDATA: 'there' }, resolve('here')],
    ['linux', {}, join(homedir(), '.local', 'share', 'palate')],
    ['linux', { XDG_DATA_HOME: resolve('data') }, join(resolve('data'), 'palate')],
    ['linux', { XDG_DATA_HOME: 'relative' }, join(homedir(), '.local', 'share', 'palate')],
    ['darwin', { XDG_DATA_HOME: '/data' }, join(homedir(), 'Library', 'Application Support', 'Palate')],
    ['win32', { LOCALAPPDATA: 'local' }, join('local', 'Palate')],
    ['win32', {}, join(homedir(), 'AppData', 'Local', 'Palate')],
  ];
  for (const [platform, env, expected] of cases) {
    it(`${platform} ${JSON.stringify(env)}`, () => assert.equal(palateHome(env, platform), expected));
  }
});
