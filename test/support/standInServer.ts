/** The server as it is, on the stand-in store and scorer. PALATE_TEST_ENGINE names another engine. */
import { endWithClient, openConnection } from '../../server/connection/lifetime.ts';
import { serve } from '../../server/connection/serve.ts';
import { EngineProcess } from '../../server/jobs/engineProcess.ts';
import { standInParts } from './standInParts.ts';

const connection = openConnection();
const entry = process.env.PALATE_TEST_ENGINE;
endWithClient(connection, serve(connection, standInParts, { createEngine: () => new EngineProcess({ entry }) }));
