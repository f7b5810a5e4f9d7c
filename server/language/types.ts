import type { ServerCapabilities } from 'vscode-languageserver/node';
import type { ServerSettings } from '../protocol/client.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { Scorer } from '../scores/scorer.ts';
import type { ProjectStore } from '../store/projectStore.ts';

/** What the language features ask of the rest of the server. They keep the open documents themselves. */
export interface LanguageFeatureContext {
  readonly projects: {
    /** The project that a file (absolute path) belongs to: the nearest folder above it with a palate.json, if any. */
    of(path: string): Promise<ProjectFolder | undefined>;
    store(project: ProjectFolder): Promise<Pick<ProjectStore, 'prompts'>>;
  };
  /** One a project; it stays the same while the project is open. */
  readonly scorerOf: (project: ProjectFolder) => Promise<Scorer>;
  /** As they are now. */
  readonly settings: () => Pick<ServerSettings, 'inlineScores' | 'trusted'>;
  /** Starts the job of palate/scoreFile. Absent: it is not offered beside a sentence, only named in it. */
  readonly scoreFile?: (project: ProjectFolder, file: string) => void;
  readonly log?: (message: string) => void;
}

export interface LanguageFeatures {
  /** Merged into the answer to `initialize`. */
  readonly capabilities: Partial<ServerCapabilities>;
  /** Settings changed: read them again and refresh what is shown. */
  settingsChanged(): void;
  /** Another reward model is active, or the project's files changed: look again and refresh what is shown. */
  refresh(project: ProjectFolder): void;
  /** Stops what is under way. The connection may be used no more. */
  close(): void;
}

/** A project as a feature uses it. */
export interface LanguageProject {
  readonly folder: ProjectFolder;
  readonly scorer: Scorer;
}

/** Argument of the command palate.relabel: open the comparison of these responses, whoever decided about it before. */
export interface RelabelArguments {
  readonly project: ProjectFolder;
  /** Ids: the prompt's, and those of the chosen and the rejected response. */
  readonly prompt: string;
  readonly responses: readonly [string, string];
}

/** The server's own command: no disagreement is reported for this row again. */
export const ignoreCommand = 'palate.ignoreDisagreement';
export const relabelCommand = 'palate.relabel';
export const scoreFileCommand = 'palate.scoreFile';
export const diagnosticSource = 'Palate';
export const disagreementCode = 'disagreement';

/** What a disagreement's diagnostic carries. */
export interface DisagreementData {
  /** contentKeys of the two responses. */
  readonly chosen: string;
  readonly rejected: string;
}
