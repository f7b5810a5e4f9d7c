/** The HTML around a panel's page and its content security policy: one builder for the extension and for the tests. */

export interface Page {
  /** Fresh for every page, at least 16 random bytes in hex or base64. */
  readonly nonce: string;
  /** Where the page's files come from: `webview.cspSource`. */
  readonly cspSource: string;
  /** Address of out/webviews/NAME/main.js. */
  readonly script: string;
  /** Address of out/webviews/NAME/main.css; its fonts lie in out/webviews/assets. */
  readonly style: string;
  readonly title: string;
  /** Language of the words: `vscode.env.language`. */
  readonly lang: string;
}

/**
 * Nothing may be loaded but the page's own script, style sheet, fonts and pictures from `cspSource`. No inline style
 * attribute and no style element without the nonce: the pages set styles through the CSSOM, which a policy leaves
 * alone, and bring KaTeX's over from its markup one property at a time. `data:` and `blob:` are for pictures only.
 */
export function contentSecurityPolicy({ nonce, cspSource }: Pick<Page, 'nonce' | 'cspSource'>): string {
  if (!/^[\w+/=-]{16,}$/.test(nonce)) throw new Error('A nonce is at least 16 characters of base64 or hex.');
  if (!cspSource || /[;,\r\n]/.test(cspSource)) throw new Error(`${JSON.stringify(cspSource)} is no CSP source.`);
  return [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} 'nonce-${nonce}'`,
    `img-src ${cspSource} data: blob:`,
    `font-src ${cspSource}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
}

/** A whole document. The script fills `<main>`. */
export function pageHtml(page: Page): string {
  return `<!DOCTYPE html>
<html lang="${escaped(page.lang)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(contentSecurityPolicy(page))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(page.title)}</title>
<link rel="stylesheet" href="${escaped(page.style)}">
</head>
<body>
<main id="page" tabindex="-1"></main>
<script type="module" nonce="${escaped(page.nonce)}" src="${escaped(page.script)}"></script>
</body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => entities[character]);
