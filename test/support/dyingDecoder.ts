/** The real decoder, which the name of a picture can make crash, hang, or take all memory. */
import { basename } from 'node:path';

// Before main.ts listens.
process.on('message', (request: { readonly source: string }) => {
  const name = basename(request.source);
  if (name.startsWith('crash')) process.kill(process.pid, 'SIGSEGV');
  if (name.startsWith('exit')) process.exit(3);
  if (name.startsWith('hang')) for (;;);
  if (name.startsWith('heap')) for (const kept: unknown[] = []; ; ) kept.push(new Array(10_000).fill(kept.length));
  // Memory outside of JavaScript, written to; more than the system lets the decoder have.
  if (name.startsWith('native')) for (const kept: Buffer[] = []; ; ) kept.push(Buffer.alloc(1 << 28, 1));
});

await import('../../server/images/main.ts');
