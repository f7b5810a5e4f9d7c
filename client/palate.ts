import type * as vscode from 'vscode';
import type { Annotator } from './annotator.ts';
import type { Server } from './connection/server.ts';
import type { Jobs } from './jobs.ts';
import type { Panels } from './panels/panels.ts';
import type { Projects } from './projects.ts';
import type { Steps } from './views/steps.ts';

/** What every command gets: the parts of the extension that live as long as the window. */
export interface Palate {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly server: Server;
  readonly projects: Projects;
  readonly annotator: Annotator;
  readonly jobs: Jobs;
  readonly panels: Panels;
  readonly steps: Steps;
}
