import { endWithClient, openConnection } from './connection/lifetime.ts';
import { parts } from './connection/parts.ts';
import { serve } from './connection/serve.ts';

const connection = openConnection();
endWithClient(connection, serve(connection, parts));
