import type { Connection } from 'vscode-languageserver/node';
import type { LanguageFeatureContext, LanguageFeatures } from '../language/types.ts';
import type { ProjectFolder } from '../protocol/types.ts';
import type { ScorerOptions } from '../scores/createScorer.ts';
import type { Scorer } from '../scores/scorer.ts';
import type { ProjectStore } from '../store/projectStore.ts';

/** The parts of the server, as parts.ts puts them together; tests replace one. */
export interface ServerParts {
  /** Opens the files of one project. Throws a UserError where the folder has no palate.json. */
  openProjectStore(folder: ProjectFolder): Promise<ProjectStore>;
  /** Writes palate.json and what belongs to it. Refuses what is already there. */
  createProject(folder: string, model?: string): Promise<void>;
  /** Copies the example that comes with Palate into an empty or new folder. */
  createExample(folder: string): Promise<void>;
  /** Decodes a picture in a process of its own. `path` is relative to the project's folder. */
  prepareImage(
    folder: ProjectFolder,
    path: string,
  ): Promise<{ readonly path: string; readonly width: number; readonly height: number }>;
  /** Ends the process that decodes pictures, where one runs. */
  closeImages(): Promise<void>;
  createScorer(options: ScorerOptions): Scorer;
  /** Called once, before the connection listens: registers the handlers of LSP's own features. */
  registerLanguageFeatures(connection: Connection, context: LanguageFeatureContext): LanguageFeatures;
}
