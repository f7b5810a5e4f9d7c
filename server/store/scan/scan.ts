import { decisionsAreSound, type ScannedDecisions, scanDecisions } from './scannedDecisions.ts';
import { linesAreSound, type ScannedLines, scanLines } from './scannedLines.ts';
import { responsesAreSound, type ScannedResponses, scanResponses } from './scannedResponses.ts';

/** What is found in the lines of a file, by its kind. */
export interface Scans {
  readonly lines: ScannedLines;
  readonly decisions: ScannedDecisions;
  readonly responses: ScannedResponses;
}

export type ScanKind = keyof Scans;

interface Scan<Kind extends ScanKind> {
  scan(bytes: Buffer): Scans[Kind];
  /** Whether this can be the scan of so many bytes: every place it names is there. */
  isSound(scanned: Scans[Kind], length: number): boolean;
}

const scans: { readonly [Kind in ScanKind]: Scan<Kind> } = {
  lines: { scan: scanLines, isSound: linesAreSound },
  decisions: { scan: scanDecisions, isSound: decisionsAreSound },
  responses: { scan: scanResponses, isSound: responsesAreSound },
};

/** @param bytes whole lines, with their ends */
export function scan<Kind extends ScanKind>(kind: Kind, bytes: Buffer): Scans[Kind] {
  return scans[kind].scan(bytes);
}

export function isSound<Kind extends ScanKind>(kind: Kind, scanned: Scans[Kind], length: number): boolean {
  return scans[kind].isSound(scanned, length);
}
