import type { Measurement } from '../measure.ts';
import { measureInEditor } from './support/editorWindow.ts';
import { measureFirstScores } from './support/inlay.ts';
import { measureLabelledProject } from './support/labelledServer.ts';

/** Lines in the logs of the labelled project. */
const decisions = 100_000;

export const measurement: Measurement = {
  description:
    'A project with 100,000 decisions in its logs: opened by the server, labelled by keys in a real VS Code (code-server in Chromium, from the package); and the first scores of a JSONL of 1,000 pairs, nothing cached.',
  async run(report) {
    for (const measure of [
      () => measureLabelledProject(decisions),
      measureFirstScores,
      () => measureInEditor(decisions),
    ]) {
      for (const { name, value, unit, bar } of await measure()) report.figure(name, value, unit, bar);
    }
  },
};
