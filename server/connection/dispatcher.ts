import { type Connection, ErrorCodes, ResponseError } from 'vscode-languageserver/node';
import { parseConfig } from '../config.ts';
import { UserError } from '../errors.ts';
import { crashSentence } from '../jobs/createEngineHost.ts';
import { EngineCrashed, EngineStopped } from '../jobs/engineProcess.ts';
import type { ClientHandlers, ClientMethod, ClientParams, WireName } from '../protocol/client.ts';
import { faultText, type Log } from './log.ts';
import { clientMethods, paramsSchemas } from './schemas.ts';

/** Of the errors that are a sentence for the person. LSP keeps −32899 to −32800 for itself. */
const userErrorCode = 1;

/**
 * Registers every method of the map. Parameters are held against the method's schema; an error is answered with a
 * sentence, and a fault of ours goes to the log with its stack. Whatever else is asked is answered as unknown.
 */
export function registerHandlers(connection: Connection, handlers: ClientHandlers, log: Log): void {
  for (const method of clientMethods) {
    connection.onRequest(wireName(method), (params: unknown) => answer(log, handlers, method, params));
  }
  connection.onRequest((method: string) => {
    throw new ResponseError(ErrorCodes.MethodNotFound, `Palate's server has no method ${JSON.stringify(method)}.`);
  });
}

export function wireName<Name extends string>(name: Name): WireName<Name> {
  return `palate/${name}`;
}

async function answer<Method extends ClientMethod>(
  log: Log,
  handlers: ClientHandlers,
  method: Method,
  given: unknown,
): Promise<unknown> {
  const params = checked(method, given);
  try {
    return (await handlers[method](params)) ?? null;
  } catch (error) {
    throw toResponseError(log, method, error);
  }
}

function checked<Method extends ClientMethod>(method: Method, given: unknown): ClientParams<Method> {
  try {
    return parseConfig(paramsSchemas[method], given ?? {}, wireName(method)) as ClientParams<Method>;
  } catch (error) {
    throw new ResponseError(ErrorCodes.InvalidParams, (error as Error).message);
  }
}

/** What the editor is answered: a sentence, never a stack. */
function toResponseError(log: Log, method: ClientMethod, error: unknown): ResponseError<void> {
  if (error instanceof ResponseError) return error;
  if (error instanceof UserError) return new ResponseError(userErrorCode, error.message);
  if (error instanceof EngineStopped) return new ResponseError(userErrorCode, error.message);
  if (error instanceof EngineCrashed) {
    log(error.message);
    return new ResponseError(userErrorCode, crashSentence(error));
  }
  const disk = diskSentence(error);
  if (disk !== undefined) return new ResponseError(userErrorCode, disk);
  log(faultText(method, error));
  const reason = error instanceof Error ? error.message : String(error);
  return new ResponseError(ErrorCodes.InternalError, `Palate could not answer ${method}: ${reason}`);
}

/** A full disk and a folder that may not be written are the person's to mend, wherever they are met. */
function diskSentence(error: unknown): string | undefined {
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: 'no space is left on the disk',
    EDQUOT: 'the disk quota is used up',
    EACCES: 'this user may not',
    EPERM: 'this user may not',
    EROFS: 'the file system is read-only',
  };
  const { code = '', path } = (error ?? {}) as NodeJS.ErrnoException;
  if (!Object.hasOwn(reasons, code)) return undefined;
  return `${path === undefined ? 'A file' : path} cannot be read or written: ${reasons[code]}.`;
}
