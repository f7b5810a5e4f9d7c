import * as vscode from 'vscode';
import { showsStatusBar } from '../connection/settings.ts';
import type { Palate } from '../palate.ts';
import { t } from '../translate.ts';
import { statusText } from '../wording/statusText.ts';

/** One item: stage, step and time left; a click opens the chart. Not there outside Palate projects. */
export function registerStatusBar({ server, projects, jobs }: Palate): vscode.Disposable[] {
  const item = vscode.window.createStatusBarItem('palate.status', vscode.StatusBarAlignment.Left, 10);
  item.name = t('Palate');
  const show = () => {
    const inUse = projects.list.length > 0 || server.state === 'failed' || jobs.live.length > 0;
    if (!inUse || !showsStatusBar()) return item.hide();
    const { text, tooltip, command } = statusText(server.state, jobs.list);
    item.text = text;
    item.tooltip = tooltip;
    item.command = command;
    const failed = server.state === 'failed';
    item.backgroundColor = failed ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    item.accessibilityInformation = { label: `${t('Palate')}: ${tooltip.replaceAll('\n', ', ')}`, role: 'button' };
    item.show();
  };
  show();
  return [
    item,
    server.onDidChangeState(show),
    projects.onDidChange(show),
    jobs.onDidChange(show),
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('palate.showStatusBar') && show()),
  ];
}
