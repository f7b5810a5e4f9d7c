import { UserError } from '../errors.ts';

export interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the address's own host and to no other that it redirects to. */
  readonly secret?: string;
  /** Ends the sentence where the host cannot be reached: what the person can do besides checking the network. */
  readonly unreachable: string;
  /** 'stop': a redirect to another host is the answer. Default 'follow'. */
  readonly elsewhere?: 'follow' | 'stop';
}

const mostRedirects = 10;

/**
 * Asks for an address and follows where it leads.
 *
 * @returns whatever was answered, an error's status too; the caller reads or cancels its body
 * @throws UserError where the host cannot be reached or leads nowhere; the signal's reason
 */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', signal, headers, secret, elsewhere = 'follow' } = options;
  const home = new URL(url).origin;
  let at = new URL(url);
  for (let redirects = 0; ; redirects++) {
    const sent: Record<string, string> = { ...headers };
    if (secret !== undefined && at.origin === home) sent.authorization = `Bearer ${secret}`;
    const response = await ask(at, { method, signal, redirect: 'manual', headers: sent }, options);
    const location = response.headers.get('location');
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    const next = parseUrl(location, at);
    if (elsewhere === 'stop' && next.origin !== home) return response;
    await response.body?.cancel();
    if (redirects === mostRedirects) throw new UserError(`${url} leads from one address to the next without end.`);
    at = next;
  }
}

async function ask(url: URL, init: RequestInit, { signal, unreachable }: RequestOptions): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    const why = cause?.code ?? (error as Error).message;
    throw new UserError(`${url.host} cannot be reached (${why}): check the network${unreachable}.`, { cause: error });
  }
}

function parseUrl(location: string, from: URL): URL {
  try {
    const next = new URL(location, from.href);
    if (/^https?:$/.test(next.protocol)) return next;
  } catch {
    // Falls through.
  }
  throw new UserError(`${from.host} leads to ${JSON.stringify(location)}, which is no address of the web.`);
}
