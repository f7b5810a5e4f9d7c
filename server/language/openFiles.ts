import type { DidChangeTextDocumentParams, TextDocumentItem } from 'vscode-languageserver/node';
import { isJsonFile, openRowDocument, type RowDocument } from './rowDocument.ts';
import type { VisibleScores } from './visibleScores.ts';

/** UTF-16 units of one file, and of all together: beyond them texts are not kept. */
export const largestFile = 8 * 2 ** 20;
const largestTotal = 12 * 2 ** 20;
/** A JSON file is read as a whole after each edit. */
const largestJson = 2 * 2 ** 20;

/** A file that the editor has open. */
export interface OpenFile {
  readonly uri: string;
  /** Undefined: too large to be read along. */
  readonly document?: RowDocument;
  /** UTF-16 units when it was opened. */
  readonly openedLength: number;
  readonly wanted: VisibleScores;
  /** Of `performance.now()`, at the last edit. */
  editedAt: number;
  saidTooLarge: boolean;
}

/** The texts of the open files, within a limit of memory. */
export class OpenFiles {
  readonly #files = new Map<string, OpenFile>();
  readonly #wantedOf: () => VisibleScores;

  constructor(wantedOf: () => VisibleScores) {
    this.#wantedOf = wantedOf;
  }

  get(uri: string): OpenFile | undefined {
    return this.#files.get(uri);
  }

  [Symbol.iterator](): IterableIterator<OpenFile> {
    return this.#files.values();
  }

  open({ uri, languageId, version, text }: TextDocumentItem): OpenFile {
    this.close(uri);
    const most = isJsonFile(uri, languageId) ? largestJson : largestFile;
    const fits = text.length <= most && this.#total() + text.length <= largestTotal;
    const file: OpenFile = {
      uri,
      ...(fits ? { document: openRowDocument(uri, languageId, version, text) } : {}),
      openedLength: text.length,
      wanted: this.#wantedOf(),
      editedAt: Number.NEGATIVE_INFINITY,
      saidTooLarge: false,
    };
    this.#files.set(uri, file);
    return file;
  }

  change({ textDocument, contentChanges }: DidChangeTextDocumentParams): OpenFile | undefined {
    const file = this.#files.get(textDocument.uri);
    if (file?.document === undefined) return undefined;
    file.document.change(contentChanges, textDocument.version);
    file.editedAt = performance.now();
    // What was asked for stands no longer where it stood.
    file.wanted.cancel();
    return file;
  }

  close(uri: string): void {
    this.#files.get(uri)?.wanted.cancel();
    this.#files.delete(uri);
  }

  #total(): number {
    let sum = 0;
    for (const { document } of this.#files.values()) sum += document?.length ?? 0;
    return sum;
  }
}
