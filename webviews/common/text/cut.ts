/** Where a long text is cut, so that each part can be rendered by itself. */

/** A part of a text, as Markdown that stands alone: a fence cut in two is closed, and opened again in the next part. */
export interface TextPart {
  readonly text: string;
  /** Where the next part begins; the text's length when there is none. */
  readonly end: number;
  /** The line that opens the fence which goes on in the next part. */
  readonly fence: string;
}

/** The part that begins at `from`, of at most `size` characters, at a blank line, line or word where there is one. */
export function partAt(text: string, from: number, size: number, fence: string): TextPart {
  const end = endOf(text, from, size);
  const bare = text.slice(from, end);
  const left = openFence(bare, fence);
  const opened = fence ? `${fence}\n${bare}` : bare;
  return {
    text: left ? `${opened}${opened.endsWith('\n') ? '' : '\n'}${/^ {0,3}([`~]+)/.exec(left)?.[1] ?? ''}` : opened,
    end,
    fence: left,
  };
}

function endOf(text: string, from: number, size: number): number {
  if (text.length - from <= size) return text.length;
  const window = text.slice(from, from + size);
  const least = size / 2;
  for (const [mark, after] of [
    ['\n\n', 2],
    ['\n', 1],
    [' ', 1],
  ] as const) {
    const at = window.lastIndexOf(mark);
    if (at >= least) return from + at + after;
  }
  // Never between the halves of one character.
  const last = window.charCodeAt(size - 1);
  return from + (last >= 0xd800 && last < 0xdc00 ? size - 1 : size);
}

/** The line that opened a fence which is still open at the end of `text`; `before`: the one open at its start. */
function openFence(text: string, before: string): string {
  let open = before;
  for (const [line] of text.matchAll(/^ {0,3}(?:`{3,}|~{3,})[^\n]{0,200}$/gm)) {
    const [, run, info] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line)!;
    const opener = /^ {0,3}([`~]+)/.exec(open)?.[1];
    if (!opener) {
      if (!(run[0] === '`' && info.includes('`'))) open = line;
    } else if (run[0] === opener[0] && run.length >= opener.length && info.trim() === '') open = '';
  }
  return open;
}
