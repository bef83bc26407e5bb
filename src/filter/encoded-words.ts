/**
 * Encoded words of headers, `=?utf-8?B?…?=` (RFC 2047), made text. Lenient as mail programs are, linear in the input.
 */
import { decodeCharset } from './charset.ts';

/** Text with its encoded words decoded; white space between two of them goes (RFC 2047 section 6.2). */
export function decodeWords(text: string): string {
  let out = '';
  let from = 0;
  let afterWord = false;
  for (let at = text.indexOf('=?'); at >= 0;) {
    const word = readWord(text, at);
    if (word === undefined) {
      at = text.indexOf('=?', at + 2);
      continue;
    }
    const between = text.slice(from, at);
    if (!afterWord || between.trim() !== '') out += between;
    out += word.text;
    from = word.end;
    afterWord = true;
    at = text.indexOf('=?', from);
  }
  return out + text.slice(from);
}

/** Characters of one word: RFC 2047 says 75, mail programs write and read far longer ones. */
const MAX_WORD = 10_000;
const MAX_CHARSET = 60;

/** The encoded word that starts at `at`, or undefined. Looks no further than MAX_WORD. */
function readWord(text: string, at: number): { text: string; end: number } | undefined {
  const charsetEnd = find(text, '?', { from: at + 2, within: MAX_CHARSET });
  if (charsetEnd < 0 || text[charsetEnd + 2] !== '?') return undefined;
  const how = text[charsetEnd + 1]?.toUpperCase();
  if (how !== 'B' && how !== 'Q') return undefined;
  const start = charsetEnd + 3;
  const end = find(text, '?=', { from: start, within: MAX_WORD });
  if (end < 0) return undefined;
  const [charset = ''] = text.slice(at + 2, charsetEnd).split('*', 1);
  const body = text.slice(start, end);
  const bytes = how === 'B' ? Buffer.from(body, 'base64') : unquote(body);
  return { text: decodeCharset(bytes, charset), end: end + 2 };
}

/** indexOf that gives up: without it, many starts without an end would cost the square of the length. */
function find(text: string, what: string, where: { readonly from: number; readonly within: number }): number {
  const found = text.slice(where.from, where.from + where.within).indexOf(what);
  return found < 0 ? -1 : where.from + found;
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
