import * as vscode from 'vscode';
import type { ServerSettings } from '../../server/protocol/client.ts';
import type { DeviceChoice } from '../../server/protocol/types.ts';

const section = 'palate';

/** What the server is given when it starts, and again when it changes. */
export function serverSettings(): ServerSettings {
  const settings = vscode.workspace.getConfiguration(section);
  return {
    inlineScores: settings.get('inlineScores', 'inlay'),
    freeCores: settings.get('training.freeCores', 1),
    onInterruptedRun: settings.get('training.onInterruptedRun', 'offer'),
    trusted: vscode.workspace.isTrusted,
  };
}

/** Path of a Node; undefined: the editor's own. Machine scope, so that no folder can name a program to run. */
export function serverRuntime(): string | undefined {
  return vscode.workspace.getConfiguration(section).get('server.runtime', '').trim() || undefined;
}

export function showsStatusBar(): boolean {
  return vscode.workspace.getConfiguration(section).get('showStatusBar', true);
}

/** Undefined: what the project says. */
export function deviceSetting(): DeviceChoice | undefined {
  const settings = vscode.workspace.getConfiguration(section);
  const device: DeviceChoice | 'project' = settings.get('training.device', 'project') as DeviceChoice | 'project';
  return device === 'project' ? undefined : device;
}

export function keysSetting(): unknown {
  return vscode.workspace.getConfiguration(section).get('keys');
}

export function annotatorSetting(): string {
  return vscode.workspace.getConfiguration(section).get('annotator', '').trim();
}

/** In everybody's settings, whatever window it is set from. */
export async function saveAnnotator(name: string): Promise<void> {
  await vscode.workspace.getConfiguration(section).update('annotator', name, vscode.ConfigurationTarget.Global);
}

/** Written where it is set now; else for the person. */
export async function saveInlineScores(value: ServerSettings['inlineScores']): Promise<void> {
  const settings = vscode.workspace.getConfiguration(section);
  const now = settings.inspect('inlineScores');
  const target =
    now?.workspaceValue !== undefined ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await settings.update('inlineScores', value, target);
}
