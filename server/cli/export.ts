import { resolve } from 'node:path';
import { findProject } from '../store/findProject.ts';
import { openProjectStore } from '../store/openProjectStore.ts';
import type { Reason } from '../store/preferences.ts';
import { command, severalFlag, textFlag } from './command.ts';
import { jsonFlag } from './flags.ts';

export const exportPreferences = command({
  name: 'export',
  summary: "write a project's decisions as preference rows for training",
  details: `
FILE.jsonl gets TRL's columns, one row a pair: {"prompt", "chosen", "rejected"}, conversational where the prompt is, with
"images" where responses are pictures; "chosen_finished" / "rejected_finished": false where one was cut; and "strength",
"scale", "annotator". Where annotators disagree the majority counts. The summary says how many decisions gave no row, and
why. An existing file is replaced, or left alone when anything fails.`,
  flags: {
    project: textFlag('DIR', 'the project (default: the one that this folder is in)'),
    annotator: severalFlag('NAME', 'only decisions of this annotator; may be given several times'),
    json: jsonFlag,
  },
  operands: ['FILE.jsonl'],
  async run({ project, annotator }, [file], console) {
    const store = await openProjectStore(findProject(project ?? '.'));
    try {
      const annotators = annotator.length > 0 ? annotator : undefined;
      const summary = await store.exportPreferences(resolve(file), { annotators });
      const { problems } = await store.info();
      for (const problem of problems) console.say(problem);
      if (console.json) {
        console.resultJson({
          ...summary,
          agreement: await store.agreement({ annotators }),
          seconds: console.seconds(),
        });
      } else {
        console.result(
          `${summary.rows} rows in ${summary.path}${leftOutText(summary.leftOut)} · ${console.seconds()} s`,
        );
      }
      return 0;
    } finally {
      await store.close();
    }
  },
});

const reasonTexts: Readonly<Record<Reason, string>> = {
  ties: 'ties',
  skips: 'skips',
  gone: 'whose responses are gone',
  disagreement: 'on which annotators disagree',
  gold: 'on gold questions',
  outvoted: 'outvoted by other annotators',
  agreed: 'that say the same as another',
  repeats: 'decided again later',
  pictures: 'about pictures',
  text: 'about text',
};

function leftOutText(leftOut: Readonly<Partial<Record<string, number>>>): string {
  const parts = Object.entries(leftOut).map(([reason, count]) => `${count} ${reasonTexts[reason as Reason] ?? reason}`);
  return parts.length > 0 ? `; left out: ${parts.join(', ')}` : '';
}
