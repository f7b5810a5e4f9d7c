import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { createMessenger, type Handlers, type Messenger, type Methods } from '../../webviews/protocol/messenger.ts';
import { pageHtml } from '../../webviews/protocol/page.ts';

export interface PageOptions {
  /** Folder below out/webviews. */
  readonly name: 'compare' | 'training';
  readonly title: string;
  /** Folders beside the bundle that the page may load pictures from. */
  readonly roots: readonly vscode.Uri[];
}

export interface Page<Asked extends Methods> extends vscode.Disposable {
  /** Asks the page where it is visible; a hidden page has no memory and asks by itself when it is shown. */
  tell<Name extends keyof Asked & string>(method: Name, params: Asked[Name]['params']): void;
}

/** Fills a panel with one of our pages and connects both ends. */
export function openPage<Asked extends Methods, Answered extends Methods>(
  panel: vscode.WebviewPanel,
  extension: vscode.Uri,
  { name, title, roots }: PageOptions,
  handlers: Handlers<Answered>,
): Page<Asked> {
  const { webview } = panel;
  const bundle = vscode.Uri.joinPath(extension, 'out', 'webviews');
  const file = (path: string) => webview.asWebviewUri(vscode.Uri.joinPath(bundle, name, path)).toString();
  let messenger = connect();

  function connect(): Messenger<Asked> {
    return createMessenger<Asked, Answered>((message) => void webview.postMessage(message), handlers);
  }

  const parts = [
    webview.onDidReceiveMessage((message) => messenger.receive(message)),
    panel.onDidChangeViewState(() => {
      if (panel.visible) return;
      // Its page is gone, and nobody will answer what it was asked.
      messenger.close();
      messenger = connect();
    }),
  ];
  webview.options = { enableScripts: true, enableForms: false, localResourceRoots: [bundle, ...roots] };
  const icon = (theme: string) => vscode.Uri.joinPath(extension, 'client', 'media', `palate-${theme}.svg`);
  panel.iconPath = { light: icon('light'), dark: icon('dark') };
  webview.html = pageHtml({
    nonce: randomBytes(18).toString('base64'),
    cspSource: webview.cspSource,
    script: file('main.js'),
    style: file('main.css'),
    title,
    lang: vscode.env.language,
  });

  return {
    tell(method, params) {
      if (panel.visible) messenger.call(method, params).catch(() => undefined);
    },
    dispose() {
      messenger.close();
      for (const part of parts) part.dispose();
    },
  };
}
