import type { Connection, ServerCapabilities, TextDocuments } from 'vscode-languageserver/node';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { EngineHost } from '../jobs/engineHost.ts';
import type { ServerSettings } from '../protocol/client.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { RewardModel, Scorer } from '../scores/scorer.ts';
import type { ProjectStore } from '../store/projectStore.ts';

/** The parts of the server that others make, as main.ts puts them together. */
export interface ServerParts {
  /** server/store: opens the files of one project. Throws a UserError where the folder has no palate.json. */
  openProjectStore(folder: ProjectFolder): Promise<ProjectStore>;
  /** Writes palate.json and what belongs to it. Refuses what is already there. */
  createProject(folder: string, options: { readonly model?: string }): Promise<void>;
  /** Copies the example that comes with Palate into an empty or new folder. */
  createExample(folder: string): Promise<void>;
  /** server/images: decodes a picture in a process of its own. `path` is relative to the project's folder. */
  prepareImage(
    folder: ProjectFolder,
    path: string,
  ): Promise<{ readonly path: string; readonly width: number; readonly height: number }>;
  /** server/scores */
  createScorer(parts: ScorerParts): Scorer;
  /** server/language/register.ts */
  registerLanguageFeatures: RegisterLanguageFeatures;
}

/** What rewards are computed with. */
export interface ScorerParts {
  readonly store: ProjectStore;
  readonly engineHost: EngineHost;
  /** The active reward model of the project, without its identity; undefined: none is trained yet. Cheap: ask each time. */
  readonly activeRewardModel: () => Promise<Pick<RewardModel, 'model' | 'adapter'> | undefined>;
}

/** Called once, before the connection listens: registers the handlers of LSP's own features. */
export type RegisterLanguageFeatures = (connection: Connection, parts: LanguageParts) => LanguageFeatures;

export interface LanguageParts {
  /** Open documents, kept in step by the connection. */
  readonly documents: TextDocuments<TextDocument>;
  readonly projects: LanguageProjects;
  /** One a project; it stays the same while the project is open, whichever reward model is active. */
  readonly scorerOf: (project: ProjectFolder) => Promise<Scorer>;
  /** As they are now. */
  readonly settings: () => ServerSettings;
}

/** The projects as language features see them. */
export interface LanguageProjects {
  /** The project that a file (absolute path) belongs to: the nearest folder above it with a palate.json, if any. */
  of(path: string): Promise<ProjectFolder | undefined>;
  store(project: ProjectFolder): Promise<ProjectStore>;
}

export interface LanguageFeatures {
  /** Merged into the answer to `initialize`. */
  readonly capabilities: Partial<ServerCapabilities>;
  /** Settings changed: read them again and refresh what is shown. */
  settingsChanged(): void;
  /** Another reward model is active, labels changed, or the project's files did: refresh what is shown. */
  refresh(project: ProjectFolder): void;
}
