/**
 * client/l10n/bundle.l10n.json: every sentence that the extension says, for translators. `npm run format` writes it,
 * `npm run lint` and the tests compare it with the sources.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const bundle = 'client/l10n/bundle.l10n.json';

/** The messages of `t('…')` in a module. Throws where one is not a plain literal: it could not be translated. */
export function messagesOf(path: string, source: string): string[] {
  const calls = source.matchAll(
    /(?<![\w$.])t\(\s*(?:(?<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|(?<other>[^\s]))/g,
  );
  return [...calls].map(({ groups, index }) => {
    if (groups?.text) return unquoted(groups.text);
    const line = source.slice(0, index).split('\n').length;
    throw new Error(`${path}:${line}: the message of t(…) has to be a literal, so that it can be translated`);
  });
}

/** Message → message, sorted, as the editor reads it. */
export function bundleText(root: string): string {
  const modules = (readdirSync(join(root, 'client'), { recursive: true }) as string[])
    .map((name) => name.replaceAll('\\', '/'))
    // Where `t` itself is defined.
    .filter((name) => name.endsWith('.ts') && name !== 'translate.ts');
  const messages = modules.flatMap((name) =>
    messagesOf(`client/${name}`, readFileSync(join(root, 'client', name), 'utf8')),
  );
  const sorted = [...new Set(messages)].sort();
  return `${JSON.stringify(Object.fromEntries(sorted.map((message) => [message, message])), null, 2)}\n`;
}

export function writeBundle(root: string): void {
  writeFileSync(join(root, bundle), bundleText(root));
}

/** Undefined: it says what the sources say. */
export function bundleProblem(root: string): string | undefined {
  const written = readFileSync(join(root, bundle), 'utf8').replaceAll('\r\n', '\n');
  return written === bundleText(root) ? undefined : `${bundle} is not what the sources say; npm run format writes it`;
}

function unquoted(literal: string): string {
  return literal.slice(1, -1).replace(/\\(.)/g, (_all, character: string) => (character === 'n' ? '\n' : character));
}
