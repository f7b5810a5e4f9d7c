/** The language features alone, as a language server on stdin and stdout: `program PROJECT ADAPTER`. Nothing is computed. */
import {
  createConnection,
  ProposedFeatures,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { registerLanguageFeatures } from '../../server/language/register.ts';
import { createScorer } from '../../server/scores/createScorer.ts';
import { recordingHost } from './engineHost.ts';
import { embedded, labelledStore } from './rewardProject.ts';

const [project, adapter] = process.argv.slice(2);
const store = labelledStore(project, []);
const engineHost = recordingHost();
engineHost.pretend = { busy: true, holds: false };
const scorer = createScorer({ store, engineHost, activeRewardModel: async () => ({ model: embedded, adapter }) });
const connection = createConnection(
  ProposedFeatures.all,
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
const features = registerLanguageFeatures(connection, {
  projects: { of: async () => project, store: async () => store },
  scorerOf: async () => scorer,
  settings: () => ({ inlineScores: 'inlay', trusted: true }),
});
connection.onInitialize(() => ({ capabilities: features.capabilities }));
connection.onRequest('test/memory', () => process.memoryUsage.rss());
connection.onRequest('test/turns', () => {
  const spent = turns;
  turns = [];
  return spent;
});
connection.listen();

/** Milliseconds of the processor in each turn of the event loop: how long a request could have waited for it. */
let turns: number[] = [];
let since = process.cpuUsage();
turn();

function turn(): void {
  const { user, system } = process.cpuUsage(since);
  turns.push((user + system) / 1000);
  since = process.cpuUsage();
  setImmediate(turn);
}
