/** The engine as it is, but for training: it dies where PALATE_TEST_DIE_AFTER says. */
import { handlers } from '../../server/engine/serve/handlers.ts';
import { serveParent } from '../../server/engine/serve/serve.ts';
import { dieAfterStep } from './killable.ts';

serveParent(dieAfterStep(handlers));
