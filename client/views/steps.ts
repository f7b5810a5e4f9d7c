import * as vscode from 'vscode';
import type { Step } from '../wording/steps.ts';

/**
 * Ticks the walkthrough's steps. An editor ticks a step when its context key becomes true, but never when the key was
 * true before it made the list, which it does when the walkthrough is first looked at. So a key is true for a moment
 * only, again whenever a tab is opened: the walkthrough's may be among them.
 */
export class Steps implements vscode.Disposable {
  readonly #done = new Set<Step>();
  readonly #listening = vscode.window.tabGroups.onDidChangeTabs(({ opened, changed }) => {
    if (opened.length > 0 || changed.length > 0) for (const step of this.#done) void tick(step);
  });

  done(step: Step): void {
    if (this.#done.has(step)) return;
    this.#done.add(step);
    void tick(step);
  }

  dispose(): void {
    this.#listening.dispose();
  }
}

async function tick(step: Step): Promise<void> {
  await vscode.commands.executeCommand('setContext', `palate.step.${step}`, true);
  await vscode.commands.executeCommand('setContext', `palate.step.${step}`, false);
}
