/**
 * Message content made fit for eyes: whole lines, read as UTF-8, control characters replaced, and header told from body.
 */
import { oneLine } from '../../base/text.ts';

export interface ContentLines {
  readonly part: 'headers' | 'body';
  /** Whole lines, but for a line of more than MAX_LINE bytes, which comes in pieces. */
  readonly bytes: Buffer;
}

const MAX_LINE = 64 * 1024;
/** A header without an end is shown as far as this. */
const MAX_HEADER = 1024 * 1024;

/** Cuts a message into runs of whole lines; the blank line between header and body belongs to neither. */
export async function* splitAtBody(content: AsyncIterable<Buffer>): AsyncGenerator<ContentLines> {
  let rest: Buffer = Buffer.alloc(0);
  let part: ContentLines['part'] = 'headers';
  for await (const chunk of content) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (part === 'headers') {
      const end = headerEnd(rest);
      if (end === -1 && rest.length < MAX_HEADER) continue;
      if (end > 0) yield { part, bytes: rest.subarray(0, end) };
      rest = end === -1 ? rest : rest.subarray(end + 2);
      part = 'body';
    }
    const end = rest.lastIndexOf('\r\n') + 2;
    const length = rest.length > MAX_LINE && end < 2 ? rest.length : end;
    if (length < 2) continue;
    yield { part, bytes: rest.subarray(0, length) };
    rest = rest.subarray(length);
  }
  if (rest.length > 0) yield { part, bytes: rest };
}

/** Where the blank line begins, or -1. */
function headerEnd(bytes: Buffer): number {
  if (bytes.subarray(0, 2).equals(CRLF)) return 0;
  const at = bytes.indexOf('\r\n\r\n');
  return at === -1 ? -1 : at + 2;
}

const CRLF = Buffer.from('\r\n');

/** Lines ended by LF. Tabs stay, other control characters do not. */
export function safeText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const lines = text.endsWith('\r\n') ? text.slice(0, -2).split('\r\n') : text.split('\r\n');
  return lines.map((line) => `${safeLine(line)}\n`).join('');
}

/** oneLine() trims; leading white space is kept, for folded header lines. */
function safeLine(line: string): string {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
  const words = line.slice(indent.length).split('\t');
  return indent + words.map((word) => oneLine(word, MAX_LINE)).join('\t');
}
