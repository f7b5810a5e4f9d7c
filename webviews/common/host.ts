import { createMessenger, type Handlers, type Messenger, type Methods } from '../protocol/messenger.ts';

/** What an editor gives a webview's page, once. */
interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): EditorApi;

export interface Host<Asked extends Methods, State> extends Messenger<Asked> {
  /** What this page kept before it was hidden or reloaded, checked field by field by whoever reads it. */
  readonly kept: Partial<State>;
  /** Kept when the page is hidden, reloaded, or the editor started again. */
  keep(state: State): void;
}

/** The page's end of the channel to its panel in the extension host. Call once. */
export function connectHost<Asked extends Methods, Answered extends Methods, State extends object>(
  handlers: Handlers<Answered>,
): Host<Asked, State> {
  const editor = acquireVsCodeApi();
  const messenger = createMessenger<Asked, Answered>((message) => editor.postMessage(message), handlers);
  window.addEventListener('message', ({ data }) => messenger.receive(data));
  const kept = editor.getState();
  return {
    ...messenger,
    kept: typeof kept === 'object' && kept !== null ? (kept as Partial<State>) : {},
    keep: (state) => editor.setState(state),
  };
}
