/**
 * Every sentence that the extension shows goes through `t`: the editor's translation where there is one. A module of its
 * own, because what composes sentences knows no vscode and is tested without it.
 */
export type Translate = (message: string, ...values: (string | number)[]) => string;

let translate: Translate = fill;

/** `{0}`, `{1}` … are replaced. The message itself is the key in client/l10n/bundle.l10n.json. */
export function t(message: string, ...values: (string | number)[]): string {
  return translate(message, ...values);
}

/** Called once, with the editor's own. */
export function useTranslation(editors: Translate): void {
  translate = editors;
}

function fill(message: string, ...values: (string | number)[]): string {
  return message.replace(/\{(\d+)\}/g, (placeholder, index) => String(values[Number(index)] ?? placeholder));
}
