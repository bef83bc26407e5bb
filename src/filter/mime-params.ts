/**
 * Takes a Content-Type or Content-Disposition value apart (RFC 2045 section 5.1): `type; name=value; name="value"`.
 *
 * Mail programs disagree on what is wrong, and a filter that reads it in one way is passed by writing it in another:
 * so nothing is merged or dropped here, every parameter is given in the order in which it stands. Linear, no regular
 * expression over hostile text, no object whose keys come from outside.
 */

export interface Param {
  /** Lower case, as `filename*0*`. */
  readonly name: string;
  /** Without quotes and backslashes; each character is one byte of the message. */
  readonly value: string;
}

export interface Parameterised {
  /** What stands first, lower case, as `multipart/mixed`. */
  readonly value: string;
  readonly params: readonly Param[];
}

/** Parameters of one header that are looked at: more serve no honest purpose. */
const MAX_PARAMS = 2000;

/** `text`: the unfolded value, one character per byte. */
export function parseParams(text: string): Parameterised {
  const [first = '', ...rest] = splitOutsideQuotes(text);
  const params: Param[] = [];
  for (const piece of rest) {
    const equals = piece.indexOf('=');
    if (equals < 0) continue;
    const name = stripComments(piece.slice(0, equals)).trim().toLowerCase();
    for (const value of readings(piece.slice(equals + 1).trim())) params.push({ name, value });
    if (params.length >= MAX_PARAMS) break;
  }
  const value = stripComments(first).trim().toLowerCase();
  return { value, params };
}

/** Pieces between semicolons outside of quotes; when a quote is never closed, those between all semicolons as well. */
function splitOutsideQuotes(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === BACKSLASH && quoted) at += 1;
    else if (char === QUOTE) quoted = !quoted;
    else if (char === SEMICOLON && !quoted) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  pieces.push(text.slice(from));
  return quoted ? [...pieces, ...text.split(';')] : pieces;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SEMICOLON = 0x3b;

/** The ways in which mail programs read one value: quoted; a token up to the first space or comment; all of it. */
function readings(raw: string): string[] {
  if (raw.startsWith('"')) return [unquote(raw)];
  const space = raw.search(/[\s(]/);
  if (space < 0) return [raw];
  return [...new Set([raw.slice(0, space), stripComments(raw).trim(), raw])].filter((value) => value !== '');
}

/** The text between the first quote and the next one, backslashes undone. */
function unquote(raw: string): string {
  let out = '';
  for (let at = 1; at < raw.length; at += 1) {
    const char = raw.charCodeAt(at);
    if (char === QUOTE) break;
    if (char === BACKSLASH) at += 1;
    out += raw[at] ?? '';
  }
  return out;
}

/** Leaves out `(comments)`, nested ones too (RFC 5322 section 3.2.2). */
function stripComments(text: string): string {
  if (!text.includes('(')) return text;
  let out = '';
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) depth -= 1;
    else if (depth === 0) out += char;
  }
  return out;
}
