import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../server/paths.ts';

let made: Promise<string> | undefined;

/** The path of this platform's VSIX, made once for all tests of a process from the sources as they are. */
export function packagedExtension(): Promise<string> {
  made ??= makePackage();
  return made;
}

/** In a process of its own: packaging prints, and keeps the event loop busy. */
async function makePackage(): Promise<string> {
  const out = join(packageRoot(), '.palate', 'vsix');
  const script = join(packageRoot(), 'out', 'scripts', 'package.js');
  const child = spawn(process.execPath, [script, '--out', out], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const code = await new Promise<number | null>((done) => child.on('close', done));
  if (code !== 0) throw new Error(`npm run package ended with ${code}:\n${said}`);
  return join(out, `palate-${process.platform}-${process.arch}.vsix`);
}
