import * as vscode from 'vscode';

const scheme = 'palate-report';
const texts = new Map<string, string>();
const changed = new vscode.EventEmitter<vscode.Uri>();

/** Documents that are made, not saved: nobody is asked whether to keep them. */
export function registerReports(): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(scheme, {
    onDidChange: changed.event,
    provideTextDocumentContent: (uri) => texts.get(uri.path) ?? '',
  });
}

/** Shows Markdown in a read-only document. */
export async function showReport(name: string, text: string): Promise<void> {
  const uri = vscode.Uri.from({ scheme, path: `/Palate ${name}.md` });
  texts.set(uri.path, text);
  changed.fire(uri);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
}
