/**
 * The two ends of a panel's channel: the page in the webview and its host in the extension. Each end has a map of the
 * methods it answers; callers', handlers' and replies' types follow from it. A handler that throws answers with an
 * error, so that nobody waits for ever; a message that makes no sense is answered where it can be, else dropped.
 */

/** `name → {params, result}`; `result: null` where there is nothing to say. */
export type Methods = Readonly<Record<string, { readonly params: unknown; readonly result: unknown }>>;

export type Handlers<Answered extends Methods> = {
  readonly [Name in keyof Answered]: (
    params: Answered[Name]['params'],
  ) => Answered[Name]['result'] | Promise<Answered[Name]['result']>;
};

export type Message =
  | { readonly kind: 'request'; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly kind: 'reply'; readonly id: number; readonly ok: unknown }
  | { readonly kind: 'reply'; readonly id: number; readonly error: string };

export interface Messenger<Asked extends Methods> {
  /** Rejects with the other end's sentence, or when the channel is closed. */
  call<Name extends keyof Asked & string>(method: Name, params: Asked[Name]['params']): Promise<Asked[Name]['result']>;
  /** Everything that comes over the channel goes in here, whatever it is. */
  receive(message: unknown): void;
  /** Rejects what is waiting. */
  close(): void;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** @param post hands a message to the other end */
export function createMessenger<Asked extends Methods, Answered extends Methods>(
  post: (message: Message) => void,
  handlers: Handlers<Answered>,
): Messenger<Asked> {
  const waiting = new Map<number, Waiting>();
  let requests = 0;
  let closed = false;

  async function answer(id: number, method: string, params: unknown): Promise<void> {
    try {
      if (!Object.hasOwn(handlers, method)) throw new Error(`There is no method ${JSON.stringify(method)} here.`);
      const ok = await handlers[method](params as never);
      if (!closed) post({ kind: 'reply', id, ok: ok ?? null });
    } catch (error) {
      if (!closed) post({ kind: 'reply', id, error: error instanceof Error ? error.message : String(error) });
    }
  }

  return {
    call: (method, params) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('The panel is closed.'));
        const id = ++requests;
        waiting.set(id, { resolve, reject });
        try {
          post({ kind: 'request', id, method, params });
        } catch (error) {
          waiting.delete(id);
          reject(error as Error);
        }
      }),
    receive(message) {
      const { kind, id, method, params, ok, error } = (
        typeof message === 'object' && message !== null ? message : {}
      ) as Record<string, unknown>;
      if (!Number.isSafeInteger(id)) return;
      if (kind === 'request') return void answer(id as number, String(method), params);
      const pending = kind === 'reply' ? waiting.get(id as number) : undefined;
      if (!pending) return;
      waiting.delete(id as number);
      if (typeof error === 'string') pending.reject(new Error(error));
      else pending.resolve(ok as never);
    },
    close() {
      closed = true;
      for (const { reject } of waiting.values()) reject(new Error('The panel is closed.'));
      waiting.clear();
    },
  };
}
