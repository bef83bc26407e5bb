/**
 * Encoded words of headers, `=?utf-8?B?…?=` (RFC 2047), made text. Lenient as mail programs are, linear in the input.
 */
import { decodeCharset } from './charset.ts';

/** Text with its encoded words decoded; white space between two of them goes (RFC 2047 section 6.2). */
export function decodeWords(text: string): string {
  let out = '';
  let from = 0;
  let afterWord = false;
  // Where the next word may end. It only moves forward: starts without an end share one search, or each would cost its own.
  let end = -1;
  for (let at = text.indexOf('=?'); at >= 0;) {
    const opening = readOpening(text, at);
    if (opening !== undefined && end < opening.start) end = indexOrInfinity(text, '?=', opening.start);
    if (opening === undefined || end - opening.start > MAX_WORD) {
      at = text.indexOf('=?', at + 2);
      continue;
    }
    const between = text.slice(from, at);
    if (!afterWord || between.trim() !== '') out += between;
    out += decodeBody(text.slice(opening.start, end), opening);
    from = end + 2;
    afterWord = true;
    at = text.indexOf('=?', from);
  }
  return out + text.slice(from);
}

/** Characters of one word: RFC 2047 says 75, mail programs write and read far longer ones. */
const MAX_WORD = 10_000;
const MAX_CHARSET = 60;

/** `=?charset?B?` of an encoded word. */
interface Opening {
  readonly charset: string;
  readonly how: 'B' | 'Q';
  /** Where what is encoded begins. */
  readonly start: number;
}

/** The opening of an encoded word at `at`, or undefined. Looks no further than MAX_CHARSET. */
function readOpening(text: string, at: number): Opening | undefined {
  const length = text.slice(at + 2, at + 2 + MAX_CHARSET).indexOf('?');
  const charsetEnd = at + 2 + length;
  if (length < 0 || text[charsetEnd + 2] !== '?') return undefined;
  const how = text[charsetEnd + 1]?.toUpperCase();
  if (how !== 'B' && how !== 'Q') return undefined;
  const [charset = ''] = text.slice(at + 2, charsetEnd).split('*', 1);
  return { charset, how, start: charsetEnd + 3 };
}

function decodeBody(body: string, { charset, how }: Opening): string {
  return decodeCharset(how === 'B' ? Buffer.from(body, 'base64') : unquote(body), charset);
}

function indexOrInfinity(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? Infinity : found;
}

/** The Q encoding (RFC 2047 section 4.2). */
function unquote(body: string): Buffer {
  return decodeEscapes(body.replaceAll('_', ' '), '=');
}

/** Text with escapes of two hex digits to bytes; what is no escape stays. Each character of the text is one byte. */
export function decodeEscapes(text: string, mark: '=' | '%'): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const hex = text[at] === mark ? text.slice(at + 1, at + 3) : '';
    const escaped = /^[0-9a-f]{2}$/i.test(hex);
    out[length++] = escaped ? Number.parseInt(hex, 16) : text.charCodeAt(at);
    if (escaped) at += 2;
  }
  return out.subarray(0, length);
}
