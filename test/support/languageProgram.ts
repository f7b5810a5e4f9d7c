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
connection.listen();
