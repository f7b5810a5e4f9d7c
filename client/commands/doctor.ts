import * as vscode from 'vscode';
import type { DoctorReport } from '../../server/protocol/types.ts';
import { keysSetting, serverRuntime, serverSettings } from '../connection/settings.ts';
import type { Palate } from '../palate.ts';
import { showReport } from '../reports.ts';
import { mergeKeys } from '../wording/keys.ts';
import { doctorText, type EditorFacts } from '../wording/reports.ts';

/** A report in a document: what the extension knows, and what the server finds if it answers. */
export async function run(palate: Palate): Promise<void> {
  let report: DoctorReport | undefined;
  let failure: string | undefined;
  try {
    await palate.server.start();
    const [project] = palate.projects.list;
    report = await palate.server.request('doctor', project ? { project: project.folder } : {});
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  await showReport('Doctor', doctorText(facts(palate), report, failure));
}

function facts({ context, server, projects }: Palate): EditorFacts {
  return {
    version: String(context.extension.packageJSON.version),
    editor: `${vscode.env.appName} ${vscode.version}`,
    trusted: vscode.workspace.isTrusted,
    runtime: serverRuntime() ?? '',
    inlineScores: serverSettings().inlineScores,
    server: server.state,
    problems: [
      ...mergeKeys(keysSetting()).problems,
      ...projects.list.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
    ],
  };
}
