/**
 * Looks into the header of a message without taking it apart: where it ends, which fields it has.
 *
 * It works on whole blocks with native search; there is no loop over bytes in JavaScript, whose price at 200 KiB
 * is 2 ms a message. Lines end in CRLF: the edges have settled that, a bare LF ends nothing here. At most
 * MAX_BLOCK bytes are looked at, whatever the caller gives. It never changes a message.
 */

/** Bytes of a header block that are looked at. */
const MAX_BLOCK = 1024 * 1024;
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** Index of the first byte of the body (after the blank line), or -1 when the header goes on past the buffer's end. */
export function findHeaderEnd(bytes: Buffer): number {
  if (bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10) return 2;
  const at = bytes.indexOf(BLANK_LINE);
  return at === -1 ? -1 : at + BLANK_LINE.length;
}

/** Bytes of a first line that are searched for the colon of a field; a line has at most 998 (RFC 5322 section 2.1.1). */
const FIRST_LINE = 1000;

/**
 * True when a message begins with its body: its first line has no colon, so it is no field. Lines put on top of it need
 * a blank line behind them, else they take the body for more header. A line such as "From anna Mon May 2", which mail
 * folders put above the header, counts as header: nothing may come between it and the fields below.
 */
export function lacksHeader(content: Buffer): boolean {
  const line = content.toString('latin1', 0, FIRST_LINE).split('\r\n', 1)[0] ?? '';
  return line !== '' && line.length < FIRST_LINE && !line.includes(':') && !/^>?From /.test(line);
}

/** True when the block has a field of that name, in any case. */
export function hasHeader(headerBlock: Buffer, name: string): boolean {
  return countHeader(headerBlock, name, 1) > 0;
}

/** How many fields of that name the block has, at most `max`. */
export function countHeader(headerBlock: Buffer, name: string, max: number): number {
  const text = blockText(headerBlock);
  const pattern = fieldPattern(name);
  let count = 0;
  while (count < max && pattern.exec(text) !== null) count += 1;
  return count;
}

export interface ValueBounds {
  /** Fields to return; default 100. */
  readonly max?: number;
  /** Bytes of each value to return; default 16 KiB. */
  readonly length?: number;
}

/** The values of all fields of that name, from the top, unfolded and trimmed, read as UTF-8. */
export function headerValues(headerBlock: Buffer, name: string, bounds: ValueBounds = {}): string[] {
  const { max = 100, length = 16 * 1024 } = bounds;
  const text = blockText(headerBlock);
  const pattern = fieldPattern(name);
  const values: string[] = [];
  while (values.length < max && pattern.exec(text) !== null) {
    const end = Math.min(endOfField(text, pattern.lastIndex), pattern.lastIndex + length);
    const raw = headerBlock.toString('utf8', pattern.lastIndex, end);
    values.push(raw.replace(/\r\n(?=[ \t])/g, '').trim());
  }
  return values;
}

/** Index of the CRLF that ends the field, folded lines included. */
function endOfField(text: string, from: number): number {
  let at = text.indexOf('\r\n', from);
  while (at !== -1 && (text[at + 2] === ' ' || text[at + 2] === '\t')) at = text.indexOf('\r\n', at + 2);
  return at === -1 ? text.length : at;
}

/** One character a byte, so that indexes of the text are indexes of the buffer. Stops at the blank line. */
function blockText(headerBlock: Buffer): string {
  const end = findHeaderEnd(headerBlock);
  const limit = Math.min(end === -1 ? headerBlock.length : end, MAX_BLOCK);
  return headerBlock.toString('latin1', 0, limit);
}

/** Compiled patterns by name; more names than code has are a caller's mistake, and cost time but no memory. */
const patterns = new Map<string, RegExp>();
const MAX_PATTERNS = 100;

/** A pattern that begins at the top. It is shared: use it up before the next call. */
function fieldPattern(name: string): RegExp {
  let pattern = patterns.get(name);
  if (pattern === undefined) {
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    pattern = new RegExp(`(?:^|\\r\\n)${name.replace(/[^A-Za-z0-9]/g, '\\$&')}[ \\t]*:`, 'gi');
    patterns.set(name, pattern);
  }
  pattern.lastIndex = 0;
  return pattern;
}
