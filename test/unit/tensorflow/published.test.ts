import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tfjsNodePackage } from '../../../server/tensorflow/home.ts';
import { bindingUrl, libtensorflowUrl, publishedLibtensorflow } from '../../../server/tensorflow/published.ts';

describe("tfjs-node's own download", () => {
  const google = 'https://storage.googleapis.com/';
  const cases: [platform: string, env: NodeJS.ProcessEnv, expected: string][] = [
    ['linux-x64', {}, `${google}tensorflow/libtensorflow/libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz`],
    ['linux-arm64', {}, `${google}tf-builds/libtensorflow_r2_7_linux_arm64.tar.gz`],
    ['darwin-arm64', {}, `${google}tf-builds/libtensorflow_r2_7_darwin_arm64_cpu.tar.gz`],
    ['win32-x64', {}, `${google}tensorflow/libtensorflow/libtensorflow-cpu-windows-x86_64-2.9.1.zip`],
    [
      'linux-x64',
      { TFJS_NODE_CDN_STORAGE: 'http://mirror', CDN_STORAGE: 'http://other/' },
      'http://mirror/tensorflow/libtensorflow/libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz',
    ],
    [
      'darwin-x64',
      { npm_config_tfjs_node_cdn_storage: 'http://mirror/' },
      'http://mirror/tensorflow/libtensorflow/libtensorflow-cpu-darwin-x86_64-2.9.1.tar.gz',
    ],
    ['linux-arm64', { CDN_STORAGE: 'http://mirror/' }, 'http://mirror/tf-builds/libtensorflow_r2_7_linux_arm64.tar.gz'],
    ['linux-x64', { TFJS_NODE_BASE_URI: 'http://a/b-' }, 'http://a/b-cpu-linux-x86_64-2.9.1.tar.gz'],
    ['linux-x64', { npm_config_TFJS_NODE_BASE_URI: 'http://a/b-' }, 'http://a/b-cpu-linux-x86_64-2.9.1.tar.gz'],
  ];
  for (const [platform, env, expected] of cases) {
    it(`libtensorflow for ${platform} ${JSON.stringify(env)}`, () =>
      assert.equal(libtensorflowUrl(env, platform), expected));
  }

  it('the binding', () => {
    assert.equal(bindingUrl({}, 'linux'), `${google}tf-builds/pre-built-binary/napi-v8/4.22.0/CPU-linux-4.22.0.tar.gz`);
    assert.equal(
      bindingUrl({ npm_config_tfjs_binding_binary_host_mirror: 'http://mirror' }, 'win32'),
      'http://mirror/napi-v8/4.22.0/CPU-windows-4.22.0.zip',
    );
  });

  it('says that a platform has none', () => {
    assert.throws(() => libtensorflowUrl({}, 'linux-ppc64'), /published for linux-ppc64: .* --from PATH/);
  });

  it("is what the package's own scripts name", () => {
    const { folder } = tfjsNodePackage();
    const scripts = ['deps-constants.js', 'install.js'].map((name) =>
      readFileSync(join(folder, 'scripts', name), 'utf8'),
    );
    assert.equal(/LIBTENSORFLOW_VERSION = '(.+)'/.exec(scripts[0])?.[1], publishedLibtensorflow);
    for (const [platform] of cases.slice(0, 3)) {
      const named = libtensorflowUrl({}, platform)
        .replace(google, '')
        .split(/cpu-linux|_linux|_darwin/)[0];
      assert.ok(scripts[1].includes(named), named);
    }
    const { binary } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    assert.ok(bindingUrl({}, 'linux').startsWith(`${binary.host}/`));
    assert.ok(binary.napi_versions.includes(8));
  });
});
