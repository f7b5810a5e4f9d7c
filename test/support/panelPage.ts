import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { packageRoot } from '../../server/paths.ts';
import { createMessenger, type Handlers, type Messenger, type Methods } from '../../webviews/protocol/messenger.ts';
import { pageHtml } from '../../webviews/protocol/page.ts';

export const themes = ['light', 'dark', 'hcLight', 'hcDark'] as const;
export type Theme = (typeof themes)[number];

/** What the editor puts on a webview's body. */
const bodyClasses: Readonly<Record<Theme, string>> = {
  light: 'vscode-light',
  dark: 'vscode-dark',
  hcLight: 'vscode-high-contrast-light vscode-high-contrast',
  hcDark: 'vscode-high-contrast',
};

/** A panel's built page in a browser, with the host at the other end of the real channel. */
export interface PanelPage<PageMethods extends Methods> {
  readonly page: Page;
  readonly host: Messenger<PageMethods>;
  /** '/pictures/NAME' → bytes, served where the page may load pictures from. */
  readonly pictures: Map<string, Buffer>;
  /** Where the page's own files and pictures come from: 'http://127.0.0.1:PORT'. */
  readonly origin: string;
  /** Every address that the page asked for. */
  readonly requests: string[];
  /** What the content security policy refused. */
  readonly violations: string[];
  /** Errors that nobody caught, and dialogs, which nothing of ours opens. */
  readonly errors: string[];
  /** As the editor does when a hidden panel is shown again: a new page with the state that was kept. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

interface PanelOptions<HostMethods extends Methods> {
  readonly browser: Browser;
  /** out/webviews/NAME/main.js */
  readonly name: string;
  readonly handlers: Handlers<HostMethods>;
  readonly theme?: Theme;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
};

/** Opens a panel under the content security policy that the extension gives it. */
export async function openPanel<HostMethods extends Methods, PageMethods extends Methods>(
  options: PanelOptions<HostMethods>,
): Promise<PanelPage<PageMethods>> {
  const pictures = new Map<string, Buffer>();
  const site = await serve(options.name, pictures);
  const { width = 1200, height = 800, reducedMotion } = options;
  const context = await options.browser.newContext({
    viewport: { width, height },
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  });
  const page = await context.newPage();
  const requests: string[] = [];
  const violations: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => errors.push(String(error.stack ?? error)));
  page.on('dialog', (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });

  const post = (message: unknown) => {
    // A page that is being closed or reloaded hears nothing, as in the editor.
    page.evaluate(`(${sendToPage})(${JSON.stringify(message)})`).catch(() => {});
  };
  let host = createMessenger<PageMethods, HostMethods>(post, options.handlers);
  await page.exposeFunction('palatePost', (message: unknown) => host.receive(message));
  await page.exposeFunction('palateViolation', (text: string) => violations.push(text));
  await page.addInitScript(editorApi);
  await page.addInitScript(`(${applyTheme})(${JSON.stringify(themeVariables(options.theme ?? 'light'))})`);
  await page.goto(`${site.origin}/`);
  return {
    page,
    get host() {
      return host;
    },
    pictures,
    origin: site.origin,
    requests,
    violations,
    errors,
    async reload() {
      host.close();
      host = createMessenger<PageMethods, HostMethods>(post, options.handlers);
      await page.reload();
    },
    async close() {
      host.close();
      await context.close();
      await site.close();
    },
  };
}

/** Resolves when a condition holds in the page. (Playwright's own way to wait for one needs eval, which is refused.) */
export const holdsInPage = (page: Page, condition: string): Promise<unknown> =>
  page.evaluate(`new Promise((resolve) => {
    const look = () => ((${condition}) ? resolve() : requestAnimationFrame(look));
    look();
  })`);

const sendToPage = `(data) => { window.dispatchEvent(new MessageEvent('message', { data })); }`;

/** What an editor gives a webview, with the state in the tab's session. */
const editorApi = `
  document.addEventListener('securitypolicyviolation', (event) => {
    window.palateViolation(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample);
  });
  window.acquireVsCodeApi = () => {
    delete window.acquireVsCodeApi;
    return {
      postMessage: (message) => void window.palatePost(structuredClone(message)),
      getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') ?? undefined,
      setState: (state) => sessionStorage.setItem('state', JSON.stringify(state)),
    };
  };`;

const applyTheme = `({ variables, classes }) => {
  const apply = () => {
    for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
    document.body.classList.add(...classes.split(' '));
  };
  document.addEventListener('DOMContentLoaded', apply);
}`;

let allVariables: Record<Theme, Record<string, string>> | undefined;

/** As VS Code's default themes have them; test/support/themes.json was read off a running editor. */
function themeVariables(theme: Theme) {
  const file = join(packageRoot(), 'test', 'support', 'themes.json');
  allVariables ??= JSON.parse(readFileSync(file, 'utf8')) as Record<Theme, Record<string, string>>;
  return { variables: allVariables[theme], classes: bodyClasses[theme] };
}

async function serve(name: string, pictures: ReadonlyMap<string, Buffer>) {
  const out = join(packageRoot(), 'out');
  const server = createServer((request, response) => {
    const path = decodeURI(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (path === '/') {
      const html = pageHtml({
        nonce: randomBytes(16).toString('hex'),
        cspSource: `http://${request.headers.host}`,
        script: `/webviews/${name}/main.js`,
        style: `/webviews/${name}/main.css`,
        title: name,
        lang: 'en',
      });
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
      return;
    }
    const picture = pictures.get(path);
    const file = normalize(join(out, path));
    try {
      if (picture) response.writeHead(200).end(picture);
      else if (!file.startsWith(join(out, 'webviews'))) response.writeHead(404).end();
      else response.writeHead(200, { 'content-type': types[extname(file)] ?? '' }).end(readFileSync(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}
