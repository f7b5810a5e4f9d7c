import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import * as vscode from 'vscode';
import { annotatorSetting, saveAnnotator } from './connection/settings.ts';
import { t } from './translate.ts';
import { annotatorNameProblem, suggestAnnotatorName } from './wording/annotatorName.ts';

/** Who decides in this window. Asked once; kept in the person's settings. */
export class Annotator {
  #asking: Promise<string | undefined> | undefined;

  /** The name as far as it is known; undefined: it was never said, or what the setting says can't be one. */
  get name(): string | undefined {
    const name = annotatorSetting();
    return annotatorNameProblem(name) ? undefined : name;
  }

  /** Asks where it is not known. Undefined: the person left the question. */
  async get(folder?: string): Promise<string | undefined> {
    return this.name ?? (await this.ask(folder));
  }

  /** @param folder whose git knows the person's name */
  ask(folder?: string): Promise<string | undefined> {
    this.#asking ??= this.#ask(folder).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(folder: string | undefined): Promise<string | undefined> {
    const known = annotatorSetting();
    const name = await vscode.window.showInputBox({
      title: t('Your name as an annotator'),
      prompt: t('Every decision says who made it, in a file of your own below feedback/. Palate asks once.'),
      value: known || (await suggestion(folder)),
      ignoreFocusOut: true,
      validateInput: annotatorNameProblem,
    });
    if (name === undefined) return undefined;
    await saveAnnotator(name.trim());
    return name.trim();
  }
}

/** git's user.name, else the system's, as far as a file can be called so. */
async function suggestion(folder: string | undefined): Promise<string> {
  const fromGit = suggestAnnotatorName(await gitUserName(folder));
  if (fromGit) return fromGit;
  try {
    return suggestAnnotatorName(userInfo().username);
  } catch {
    // The system has no entry for this user.
    return '';
  }
}

interface GitExtension {
  getAPI(version: 1): {
    readonly repositories: readonly {
      getConfig(key: string): Promise<string>;
      getGlobalConfig(key: string): Promise<string>;
    }[];
  };
}

async function gitUserName(folder: string | undefined): Promise<string> {
  try {
    const git = vscode.extensions.getExtension<GitExtension>('vscode.git');
    const [repository] = git?.isActive ? git.exports.getAPI(1).repositories : [];
    if (repository) {
      return (await repository.getConfig('user.name')) || (await repository.getGlobalConfig('user.name'));
    }
  } catch {
    // Switched off, or of another version: git itself is asked.
  }
  return await new Promise((resolve) => {
    // Not started in the folder: Windows would look for a git there first.
    const words = [...(folder ? ['-C', folder] : []), 'config', 'user.name'];
    execFile('git', words, { timeout: 2000 }, (error, stdout) => resolve(error ? '' : stdout.trim()));
  });
}
