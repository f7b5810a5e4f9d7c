import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { BrowserContext, Frame, FrameLocator, Locator, Page } from 'playwright-core';
import type { CodeServer } from '../../scripts/codeServer/install.ts';
import { packageRoot } from '../../server/paths.ts';
import { findChromium, launchChromium } from './browser.ts';
import { type CodeServerOptions, installedCodeServer, type RunningCodeServer, startCodeServer } from './codeServer.ts';
import { skip } from './skip.ts';

/** One window of a real VS Code (code-server) in Chromium, with Palate from its package. */
export interface EditorWindow {
  readonly page: Page;
  /** What our pages in it wrote to their consoles, errors only: the editor's own are about what it does not reach. */
  readonly errors: readonly string[];
  /** Addresses outside this machine that something in it asked for. */
  readonly requests: readonly string[];
  /** Runs a command by its title in the command palette: "Palate: Label Comparisons". */
  command(title: string): Promise<void>;
  /** Opens a file of the workspace by its path. */
  open(path: string): Promise<void>;
  /** The page of a Palate panel that is on screen. */
  panel(): FrameLocator;
  /** The same, to run something in it. */
  panelFrame(): Promise<Frame>;
  /** An item of the status bar. */
  status(text: string | RegExp): Locator;
  /** A choice or an input box that a command put up. */
  readonly quickInput: Locator;
  /** Takes the row of the choice on screen whose label begins with this text. */
  choose(text: string): Promise<void>;
  /** Types into the choice on screen: a long one shows what holds the text. */
  filter(text: string): Promise<void>;
  notification(text: string | RegExp): Locator;
  /** As a person does: everything in the window starts anew. */
  reload(): Promise<void>;
  /** Into .palate/screenshots. */
  screenshot(name: string): Promise<Buffer>;
}

export interface Editor {
  readonly server: RunningCodeServer;
  /** @param workspace its folder. Without one: the empty window that a person sees first. */
  window(workspace?: string): Promise<EditorWindow>;
}

/** The suite's editor, started before and ended after its tests, which skip where there is none. Inside `describe`. */
export function suiteEditor(options: CodeServerOptions = {}): Editor {
  let held: OpenEditor | undefined;
  before(async function () {
    this.timeout(120_000);
    held = await openEditor(installedCodeServer(this), chromiumFor(this), options);
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await describeFailure(this.currentTest.title, held);
  });
  after(async function () {
    this.timeout(60_000);
    const suite = (this.test as Mocha.Runnable).parent as Mocha.Suite;
    // No test was reached: the hook that prepares them failed.
    if (suite.tests.every(({ state }) => state === undefined)) await describeFailure(suite.title, held);
    await held?.close();
  });
  const editor = () => held as OpenEditor;
  return {
    get server() {
      return editor().server;
    },
    window: (workspace) => editor().window(workspace),
  };
}

/** Gives the path of a file to the box that stands for the system's dialog in a browser. */
export async function enterPath(window: EditorWindow, path: string): Promise<void> {
  const input = await pathBox(window);
  await input.fill(path);
  await window.quickInput.getByRole('option', { name: basename(path), exact: true }).waitFor();
  await window.page.keyboard.press('Enter');
}

/** The same with a folder. */
export async function enterFolder(window: EditorWindow, path: string): Promise<void> {
  const input = await pathBox(window);
  // It lists the folder above, and with a slash what is in the folder: before that, Enter would only look into it.
  const row = window.quickInput.getByRole('option', { name: basename(path), exact: true });
  await input.fill(path);
  await row.waitFor();
  await input.fill(`${path}/`);
  await row.waitFor({ state: 'detached' });
  await window.page.keyboard.press('Enter');
}

/** Its input, once it has opened with the folder that was last looked at, and lists it: it would set its path again. */
async function pathBox({ page, quickInput }: EditorWindow): Promise<Locator> {
  const input = quickInput.locator('.quick-input-box input');
  await page.waitForFunction(
    (box) => (box as { value?: string } | null)?.value?.startsWith('/'),
    await input.elementHandle(),
  );
  await quickInput.getByRole('option', { name: '..', exact: true }).waitFor();
  return input;
}

export interface OpenEditor extends Editor {
  readonly windows: readonly EditorWindow[];
  close(): Promise<void>;
}

/** Starts a code-server, and a browser that shows its windows. */
export async function openEditor(
  program: CodeServer,
  chromium: string,
  options: CodeServerOptions = {},
): Promise<OpenEditor> {
  const server = await startCodeServer(program, options);
  // Nothing outside this machine is reachable, so that a test can't depend on it.
  const browser = await launchChromium(chromium, ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']);
  const windows: EditorWindow[] = [];
  return {
    server,
    windows,
    async window(workspace) {
      const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
      const window = await openWindow(context, server.url, workspace);
      windows.push(window);
      return window;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** What a person would look at first: each window as it stands, and what was said. */
async function describeFailure(title: string, editor: OpenEditor | undefined): Promise<void> {
  const name = title.replaceAll(/[^a-z0-9]+/gi, '-');
  for (const [k, window] of (editor?.windows ?? []).entries()) {
    await window.screenshot(`failed-${name}-${k}`).catch(() => undefined);
    for (const error of window.errors) console.error(`window ${k}: ${error}`);
  }
  console.error(editor?.server.output.slice(-2000));
}

function chromiumFor(context: Mocha.Context): string {
  const path = findChromium();
  if (path) return path;
  const reason = 'there is no Chromium here; install one (Debian: chromium) or name it in PALATE_CHROMIUM';
  if (process.env.CI) throw new Error(reason);
  return skip(context, reason);
}

async function openWindow(context: BrowserContext, url: string, workspace?: string): Promise<EditorWindow> {
  context.setDefaultTimeout(30_000);
  const errors: string[] = [];
  const requests: string[] = [];
  context.on('console', (message) => {
    const ours = /vscode-resource|webview|extensionId=palate/.test(message.location().url);
    if (message.type() === 'error' && ours) errors.push(message.text());
  });
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    // A webview's files have addresses of their own; the editor's service worker answers them.
    const inside = hostname === '127.0.0.1' || hostname.endsWith('.vscode-resource.vscode-cdn.net');
    if (protocol.startsWith('http') && !inside) requests.push(request.url());
  });
  const page = await context.newPage();
  const opened = new Window(page, errors, requests);
  if (workspace === undefined) {
    await page.goto(`${url}/?ew=true`);
    await opened.workbench();
  } else {
    await page.goto(`${url}/?folder=${encodeURIComponent(workspace)}`);
    await opened.ready();
  }
  return opened;
}

class Window implements EditorWindow {
  readonly page: Page;
  readonly errors: readonly string[];
  readonly requests: readonly string[];
  readonly quickInput: Locator;

  constructor(page: Page, errors: readonly string[], requests: readonly string[]) {
    this.page = page;
    this.errors = errors;
    this.requests = requests;
    this.quickInput = page.locator('.quick-input-widget');
  }

  /** The workbench is there, and knows what Palate contributes. */
  async workbench(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
    await this.page.locator('.activitybar .action-label[aria-label^="Palate"]').waitFor();
  }

  /** And the folder is open. */
  async ready(): Promise<void> {
    await this.workbench();
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor();
  }

  async command(title: string): Promise<void> {
    await this.quick(`>${title}`, title);
  }

  async open(path: string): Promise<void> {
    const name = path.split('/').at(-1) as string;
    await this.quick(path, name);
    await this.page.locator('.tab.active', { hasText: name }).waitFor();
  }

  /**
   * Types into the palette, from wherever the focus is, and takes the row that says `row`. The palette shows what there
   * is when it opens: where the row is not there yet, it is opened again.
   */
  private async quick(text: string, row: string): Promise<void> {
    const found = this.quickInput.locator('.quick-input-list .monaco-list-row', { hasText: row }).first();
    const input = this.quickInput.locator('.quick-input-box input');
    for (let tries = 1; ; tries++) {
      await this.page.keyboard.press(text.startsWith('>') ? 'F1' : 'Control+P');
      await input.waitFor();
      await input.fill(text);
      try {
        // Files of before are listed until those that are looked for have been found.
        await this.quickInput.locator('.quick-input-progress.done, .monaco-progress-container.done').waitFor();
        await found.click({ timeout: 3000 });
        return;
      } catch (error) {
        if (tries === 10) throw error;
        await this.page.keyboard.press('Escape');
        await input.waitFor({ state: 'hidden' });
      }
    }
  }

  async choose(text: string): Promise<void> {
    const label = this.page.locator('.label-name', { hasText: new RegExp(`^\\s*${text}`) });
    await this.quickInput.locator('.quick-input-list .monaco-list-row', { has: label }).first().click();
  }

  async filter(text: string): Promise<void> {
    await this.quickInput.locator('.quick-input-box input').fill(text);
  }

  panel(): FrameLocator {
    return this.page
      .locator('iframe.webview[src*="extensionId=palate.palate"]:visible')
      .contentFrame()
      .locator('#active-frame')
      .contentFrame();
  }

  async panelFrame(): Promise<Frame> {
    const body = await this.panel().locator('body').elementHandle();
    const frame = await body?.ownerFrame();
    if (!frame) throw new Error('No panel of Palate is on screen.');
    return frame;
  }

  status(text: string | RegExp): Locator {
    return this.page.locator('.part.statusbar .statusbar-item', { hasText: text });
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item', { hasText: text });
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  async screenshot(name: string): Promise<Buffer> {
    const folder = join(packageRoot(), '.palate', 'screenshots');
    mkdirSync(folder, { recursive: true });
    return this.page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
  }
}
