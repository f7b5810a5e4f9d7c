/** Server ⇄ the child that decodes pictures: one request at a time, one answer each. Plain JSON. */

export interface DecodeRequest {
  readonly id: number;
  /** Absolute, of a file inside the project. */
  readonly source: string;
  /** Of its bytes when the server looked at them. */
  readonly sha256: string;
  /** Absolute; the child makes this file and writes nothing else. */
  readonly target: string;
}

export type DecodeReply = { readonly id: number } & (
  | { readonly ok: DecodedPicture }
  /** The file is not what it was when the server looked at it. */
  | { readonly changed: true }
  /** Half a sentence about the file: "is damaged: …". */
  | { readonly refused: string }
);

export interface DecodedPicture {
  readonly width: number;
  readonly height: number;
  readonly extension: 'png' | 'webp';
}
