import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { skip } from './skip.ts';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
];

/** The browser that PALATE_CHROMIUM names, else one in a usual place. Throws where PALATE_CHROMIUM names nothing. */
export function findChromium(): string | undefined {
  const named = process.env.PALATE_CHROMIUM;
  if (named && !existsSync(named)) throw new Error(`PALATE_CHROMIUM names ${named}, where there is nothing.`);
  return named || usualPlaces.find((path) => existsSync(path));
}

/** A headless Chromium that asks nothing of the network by itself. Close it, or it outlives the tests. */
export async function launchChromium(executablePath: string, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Screenshots and measured positions are the same wherever the tests run.
      '--force-color-profile=srgb',
      '--font-render-hinting=none',
      ...more,
    ],
  });
}

/** The suite's browser, opened before and closed after its tests, which skip where there is none. Inside `describe`. */
export function suiteBrowser(): { readonly browser: Browser } {
  const held: { browser?: Browser } = {};
  before(async function () {
    const path = findChromium();
    if (!path) skip(this, 'there is no Chromium here; install one (Debian: chromium) or name it in PALATE_CHROMIUM');
    held.browser = await launchChromium(path);
  });
  after(async () => {
    await held.browser?.close();
  });
  return held as { readonly browser: Browser };
}
