import type { ChildProcess } from 'node:child_process';

export interface CodeServerStart {
  /** Default 0: one of its own choice. */
  readonly port?: number;
  /** Default 'off': every folder is trusted. 'asked': as VS Code comes, a folder is restricted until it is trusted. */
  readonly trust?: 'off' | 'asked';
}

/** For this machine alone, and quiet. */
export function codeServerOptions({ port = 0, trust = 'off' }: CodeServerStart = {}): string[] {
  const quiet = ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'];
  const trusting = trust === 'off' ? ['--disable-workspace-trust'] : [];
  return ['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`, ...trusting, ...quiet];
}

/** An address on this machine that refuses: the editor's own extension gallery is not asked over the network. */
export const codeServerVariables = {
  EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: 'http://127.0.0.1:9/gallery', itemUrl: 'http://127.0.0.1:9/item' }),
};

/** The address of a code-server whose stdout is piped, as soon as it prints one. Rejects where it ends before. */
export function codeServerAddress(child: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const found = said.match(/server listening on (http:\/\/[\d.:]+)/i);
      if (found) resolve(found[1]);
    });
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`code-server ended with ${code}:\n${said}`)));
  });
}
