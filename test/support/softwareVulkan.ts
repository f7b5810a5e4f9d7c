import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { skip } from './skip.ts';

/** Where Debian's and other Chromiums bring SwiftShader, a Vulkan driver without a GPU. */
function folders(): string[] {
  const known = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  try {
    const path = process.env.PALATE_CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
    return [dirname(realpathSync(path)), ...known];
  } catch {
    return known;
  }
}

/** The environment of a process in which WebGPU runs on software Vulkan. Skips where there is none. */
export function softwareVulkan(context: Mocha.Context): NodeJS.ProcessEnv {
  if (process.env.VK_ICD_FILENAMES !== undefined) return process.env;
  const folder = folders().find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')));
  if (folder === undefined) {
    return skip(context, "there is no software Vulkan (vk_swiftshader_icd.json); Debian's package chromium brings it");
  }
  return {
    ...process.env,
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
    // Chromium's own Vulkan loader, where the system has none.
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
  };
}
