import { examine } from '../jobs/doctor.ts';
import { nearestProject } from '../jobs/projects.ts';
import type { DoctorReport } from '../protocol/types.ts';
import { command, textFlag } from './command.ts';
import { engineFlag, jsonFlag, projectFlag } from './flags.ts';
import { openCommandProject } from './project.ts';

export const doctor = command({
  name: 'doctor',
  summary: 'what is found on this machine and in the project, and what to do where it is not well',
  details: `
Exit code 0 where all is well or only TensorFlow, which is optional, is missing.`,
  flags: {
    project: projectFlag,
    model: textFlag('PATH', "reckon the memory of this model, with the project's settings or the defaults"),
    engine: engineFlag,
    json: jsonFlag,
  },
  operands: [],
  async run({ project, model, engine }, _, console) {
    const folder = project ?? (await nearestProject(process.cwd()));
    const report = await examineHere();
    if (console.json) console.resultJson(report);
    else console.result(reportText(report));
    return report.checks.every(({ ok, optional }) => ok || optional) ? 0 : 1;

    async function examineHere(): Promise<DoctorReport> {
      if (folder === undefined) return examine(console.engine, undefined, { model, engine });
      const { parts, close } = await openCommandProject(console, folder);
      return examine(parts.engine, { folder: parts.project, store: parts.store }, { model, engine }).finally(close);
    }
  },
});

function reportText({ palate, node, platform, cores, memory, checks }: DoctorReport): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  return [
    `Palate ${palate}, Node ${node}, ${platform}, ${cores} cores, ${gigabytes(memory.available)} of ${gigabytes(memory.total)} free`,
    ...checks.map(({ name, ok, message, optional }) => `${ok ? '✓' : optional ? '–' : '✗'} ${name}: ${message}`),
  ].join('\n');
}
