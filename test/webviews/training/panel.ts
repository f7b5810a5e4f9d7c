/** The built training panel in a real browser, with the policy that the editor gives it. */
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { packageRoot } from '../../../server/paths.ts';
import { createMessenger, type Handlers, type Messenger } from '../../../webviews/protocol/messenger.ts';
import { pageHtml } from '../../../webviews/protocol/page.ts';
import type { TrainingHostMethods, TrainingPageMethods } from '../../../webviews/protocol/training.ts';
import themes from '../../support/themes.json' with { type: 'json' };

export type Theme = keyof typeof themes;
export const themeNames = Object.keys(themes) as Theme[];

export interface OpenPanel {
  readonly page: Page;
  /** The host's end: tells the page something. */
  readonly messenger: Messenger<TrainingPageMethods>;
  /** Addresses that the page asked for besides its own files. */
  readonly foreign: string[];
  /** What the console and the policy complained about. */
  readonly complaints: string[];
  close(): Promise<void>;
}

export interface PanelOptions {
  readonly theme?: Theme;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

const bodyClasses: Record<Theme, string> = {
  light: 'vscode-light',
  dark: 'vscode-dark',
  hcDark: 'vscode-high-contrast',
  hcLight: 'vscode-high-contrast vscode-high-contrast-light',
};
const origin = 'https://panel.test';
const types: Record<string, string> = {
  js: 'text/javascript',
  css: 'text/css',
  woff2: 'font/woff2',
  map: 'text/plain',
};

/** Opens the panel as the editor would, its theme set before its script runs. */
export async function openPanel(
  browser: Browser,
  host: Handlers<TrainingHostMethods>,
  options: PanelOptions = {},
): Promise<OpenPanel> {
  const { theme = 'dark', width = 1000, height = 800, reducedMotion = false } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
  const page = await context.newPage();
  const [foreign, complaints]: [string[], string[]] = [[], []];
  page.on('console', (message) => {
    const isOurs = !message.text().includes('willReadFrequently');
    if (['error', 'warning'].includes(message.type()) && isOurs) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await context.route('**/*', async (route) => {
    const { pathname, href } = new URL(route.request().url());
    if (!href.startsWith(`${origin}/`)) {
      foreign.push(href);
      return route.abort();
    }
    if (pathname === '/') {
      const body = pageHtml({
        nonce: '0123456789abcdef0123456789abcdef',
        cspSource: origin,
        script: `${origin}/training/main.js`,
        style: `${origin}/training/main.css`,
        title: 'Training',
        lang: 'en',
      });
      return route.fulfill({ contentType: 'text/html', body });
    }
    const path = join(packageRoot(), 'out', 'webviews', normalize(pathname));
    const body = await readFile(path).catch(() => undefined);
    if (!body) return route.fulfill({ status: 404, body: '' });
    return route.fulfill({ contentType: types[path.split('.').at(-1) ?? ''] ?? 'text/plain', body });
  });
  const messenger = createMessenger<TrainingPageMethods, TrainingHostMethods>(
    // A page that is gone hears nothing.
    (message) => void page.evaluate((sent) => window.postMessage(sent, '*'), message).catch(() => {}),
    host,
  );
  await page.exposeFunction('toHost', (message: unknown) => messenger.receive(message));
  await page.addInitScript(editorIn, { variables: themes[theme], bodyClass: bodyClasses[theme] });
  await page.goto(`${origin}/`);
  return {
    page,
    messenger,
    foreign,
    complaints,
    async close() {
      messenger.close();
      await context.close();
    },
  };
}

/** Runs in the page before anything else: what the editor puts around it. */
function editorIn({ variables, bodyClass }: { variables: Record<string, string>; bodyClass: string }): void {
  const { toHost } = globalThis as unknown as { toHost(message: unknown): void };
  const kept = 'kept by the editor';
  Object.assign(globalThis, {
    acquireVsCodeApi: () => ({
      postMessage: (message: unknown) => toHost(JSON.parse(JSON.stringify(message))),
      getState: () => JSON.parse(sessionStorage.getItem(kept) ?? 'null') ?? undefined,
      setState: (state: unknown) => sessionStorage.setItem(kept, JSON.stringify(state)),
    }),
  });
  document.addEventListener('readystatechange', () => {
    if (document.readyState !== 'interactive') return;
    for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
    document.body.className = bodyClass;
  });
}
