import { type ScannedDecisions, scanDecisions } from './scannedDecisions.ts';
import { type ScannedLines, scanLines } from './scannedLines.ts';
import { type ScannedResponses, scanResponses } from './scannedResponses.ts';

/** What is found in the lines of a file, by what the file is. */
export interface Scans {
  readonly lines: ScannedLines;
  readonly decisions: ScannedDecisions;
  readonly responses: ScannedResponses;
}

export type ScanKind = keyof Scans;

const scanners: { readonly [Kind in ScanKind]: (bytes: Buffer) => Scans[Kind] } = {
  lines: scanLines,
  decisions: scanDecisions,
  responses: scanResponses,
};

/** @param bytes whole lines, with their ends */
export function scan<Kind extends ScanKind>(kind: Kind, bytes: Buffer): Scans[Kind] {
  return scanners[kind](bytes);
}
