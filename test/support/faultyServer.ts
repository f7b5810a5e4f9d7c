/** The server as it is, but for pictures: there it has a fault of its own. */
import { endWithClient, openConnection } from '../../server/connection/lifetime.ts';
import { parts } from '../../server/connection/parts.ts';
import { serve } from '../../server/connection/serve.ts';

const connection = openConnection();
const prepareImage = async () => {
  throw new TypeError('a fault of the server');
};
endWithClient(connection, serve(connection, { ...parts, prepareImage }));
