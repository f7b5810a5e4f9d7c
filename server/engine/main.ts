import { handlers } from './serve/handlers.ts';
import { serveParent } from './serve/serve.ts';

serveParent(handlers);
