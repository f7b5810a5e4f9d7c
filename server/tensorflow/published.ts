import { UserError } from '../errors.ts';
import { nodeApiVersion, platformName, tfjsNodePackage } from './home.ts';

/** Where tfjs-node's own install script finds its native part, with that script's environment variables. */

/** The release that tfjs-node 4.22.0 is published with: LIBTENSORFLOW_VERSION in its scripts/deps-constants.js. */
export const publishedLibtensorflow = '2.9.1';

const systems: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const libraries: Readonly<Record<string, (base: string, host: string) => string>> = {
  'linux-x64': (base) => `${base}cpu-linux-x86_64-${publishedLibtensorflow}.tar.gz`,
  'linux-arm64': (_, host) => `${host}tf-builds/libtensorflow_r2_7_linux_arm64.tar.gz`,
  'darwin-x64': (base) => `${base}cpu-darwin-x86_64-${publishedLibtensorflow}.tar.gz`,
  'darwin-arm64': (_, host) => `${host}tf-builds/libtensorflow_r2_7_darwin_arm64_cpu.tar.gz`,
  'win32-x64': (base) => `${base}cpu-windows-x86_64-${publishedLibtensorflow}.zip`,
};

/** The version of libtensorflow that a download brings; undefined where none is published for the platform. */
export function publishedFor(platform = platformName()): string | undefined {
  const name = libraries[platform]?.('', '');
  if (name === undefined) return undefined;
  return name.includes(publishedLibtensorflow) ? publishedLibtensorflow : '2.7';
}

/** Throws a UserError where none is published for the platform. */
export function libtensorflowUrl(env: NodeJS.ProcessEnv = process.env, platform = platformName()): string {
  const host =
    env.TFJS_NODE_CDN_STORAGE ||
    npmSetting(env, 'TFJS_NODE_CDN_STORAGE') ||
    env.CDN_STORAGE ||
    'https://storage.googleapis.com/';
  const base =
    env.TFJS_NODE_BASE_URI ||
    npmSetting(env, 'TFJS_NODE_BASE_URI') ||
    `${withSlash(host)}tensorflow/libtensorflow/libtensorflow-`;
  const url = libraries[platform]?.(base, withSlash(host));
  if (url) return url;
  throw new UserError(
    `No libtensorflow is published for ${platform}: name one that you have with --from PATH (in the editor: choose it as the source), or choose the engine onnx.`,
  );
}

/** The binding that tfjs-node's authors compiled against that libtensorflow. Not every platform has one. */
export function bindingUrl(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const host =
    npmSetting(env, 'tfjs_binding_binary_host_mirror') || 'https://storage.googleapis.com/tf-builds/pre-built-binary';
  const { version } = tfjsNodePackage();
  const extension = platform === 'win32' ? 'zip' : 'tar.gz';
  return `${withSlash(host)}napi-v${nodeApiVersion}/${version}/CPU-${systems[platform]}-${version}.${extension}`;
}

/** npm hands its settings down in lower case; tfjs-node also reads them as they are written. */
function npmSetting(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[`npm_config_${name}`] || env[`npm_config_${name.toLowerCase()}`];
}

const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`);
