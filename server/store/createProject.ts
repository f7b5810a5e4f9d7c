import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { embeddedModel } from '../library/names.ts';
import { writeFileAtomically } from './atomicFile.ts';
import { promptsFolder, responsesFolder } from './content.ts';
import { feedbackFolder } from './feedbackIndex.ts';
import { fileError, isAbsent } from './fileErrors.ts';
import { preparePalateFolder, writeNew } from './palateFolder.ts';
import { modelProblem, projectFile, projectVersion } from './projectConfig.ts';
import { sampleGuidelines, samplePrompts } from './samplePrompts.ts';

const mergeRule = `${feedbackFolder}/*.jsonl merge=union`;

/**
 * Makes a project of a folder: palate.json, sample prompts, guidelines, and what git needs to merge labels. Files that
 * are there are left as they are; palate.json comes last, so a folder is a project or not.
 *
 * @param model as palate.json names it; absent: the embedded one
 * @throws UserError where the folder is a project already, where it cannot be written, or where there is no such model
 */
export async function createProject(folder: string, model = embeddedModel): Promise<void> {
  const path = (...names: string[]) => join(resolve(folder), ...names);
  const problem = modelProblem(resolve(folder), model);
  if (problem !== undefined) throw new UserError(problem);
  if (await isThere(path(projectFile))) {
    throw new UserError(
      `${resolve(folder)} is a project already: it has a ${projectFile}. Open it, or choose another folder.`,
    );
  }
  try {
    for (const name of ['', promptsFolder, responsesFolder, feedbackFolder])
      await mkdir(path(name), { recursive: true });
    await preparePalateFolder(resolve(folder));
    await addMergeRule(path('.gitattributes'));
    if (!(await readdir(path(promptsFolder))).some((name) => /\.(jsonl|ndjson)$/i.test(name))) {
      const rows = samplePrompts(model).map((prompt) => JSON.stringify({ prompt }));
      await writeNew(path(promptsFolder, 'prompts.jsonl'), `${rows.join('\n')}\n`);
    }
    await writeNew(path('guidelines.md'), sampleGuidelines(model));
    await writeFileAtomically(path(projectFile), `${JSON.stringify({ version: projectVersion, model }, null, 2)}\n`);
  } catch (error) {
    throw fileError(`Cannot make a project in ${resolve(folder)}`, error);
  }
}

async function addMergeRule(path: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isAbsent(error)) return '';
    throw error;
  });
  if (before.split(/\r?\n/).some((line) => line.trim() === mergeRule)) return;
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  if (before === '') await writeFile(path, `${mergeRule}\n`);
  else await appendText(path, `${gap}${mergeRule}\n`);
}

async function appendText(path: string, text: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.write(text);
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isAbsent(error)) return false;
      throw fileError(`Cannot look at ${path}`, error);
    },
  );
}
