import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node';
import { bundleProgram } from '../../support/bundle.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('several big files open', () => {
  const folder = temporaryFolder();
  let server: ChildProcess | undefined;
  after(async () => {
    if (server?.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  });

  it('keep the server below 200 MB, and block it for less than 50 ms', async () => {
    const adapter = folder.write('adapter_config.json', '{}');
    const program = await bundleProgram('test/support/languageProgram.ts');
    server = spawn(process.execPath, [program, folder.path, adapter], { stdio: ['pipe', 'pipe', 'inherit'] });
    const connection = createMessageConnection(
      new StreamMessageReader(server.stdout as NodeJS.ReadableStream),
      new StreamMessageWriter(server.stdin as NodeJS.WritableStream),
    );
    const told: string[] = [];
    connection.onRequest('window/showMessageRequest', ({ message }: { message: string }) => {
      told.push(message);
      return null;
    });
    connection.listen();
    await connection.sendRequest('initialize', { processId: null, rootUri: null, capabilities: {} });
    const uriOf = (name: string) => pathToFileURL(join(folder.path, name)).href;
    const open = (name: string, text: string) =>
      connection.sendNotification('textDocument/didOpen', {
        textDocument: { uri: uriOf(name), languageId: 'jsonl', version: 1, text },
      });
    const hover = () =>
      connection.sendRequest<{ contents: { value: string } } | null>('textDocument/hover', {
        textDocument: { uri: uriOf('file0.jsonl') },
        position: { line: 3, character: 60 },
      });
    const row = (file: number, k: number) =>
      JSON.stringify({
        prompt: `File ${file}, row ${k}`,
        chosen: 'good 😀 and warm '.repeat(5),
        rejected: 'bad '.repeat(20),
      });
    // Three files of 3.5 million characters are read along, the fourth and a line of 6 million are not.
    for (let file = 0; file < 4; file++) {
      await open(`file${file}.jsonl`, Array.from({ length: 16_000 }, (_, k) => row(file, k)).join('\n'));
    }
    await open('line.jsonl', JSON.stringify({ text: 'x'.repeat(6_000_000) }));
    assert.match((await hover())?.contents.value ?? '', /not loaded/);
    // All rows are looked at for disagreements meanwhile.
    const turns = () => connection.sendRequest<number[]>('test/turns');
    await turns();
    for (let k = 0; k < 200; k++) await hover();
    const longest = Math.max(...(await turns()));
    assert.ok(longest < 50, `${longest} ms`);
    const megabytes = (await connection.sendRequest<number>('test/memory')) / 2 ** 20;
    assert.ok(megabytes < 200, `${megabytes} MB`);
    assert.equal(told.length, 2, String(told));
    connection.end();
    connection.dispose();
  });
});
