/**
 * Every name that some mail program may give to an attachment: from `filename` and `name`, plain, encoded as RFC 2047
 * says (wrong here, but common), or in pieces and percent-encoded as RFC 2231 says. All of them, not the best one:
 * what the filter overlooks, a mail program may show.
 */
import { decodeCharset } from './charset.ts';
import { decodeEscapes, decodeWords } from './encoded-words.ts';
import type { Param } from './mime-params.ts';

/** Names of one part, cleaned: lower case, no path, no trailing dots or spaces. */
export function attachmentNames(params: readonly Param[]): string[] {
  const names = new Set<string>();
  for (const key of ['filename', 'name']) {
    for (const value of valuesOf(params, key)) addName(names, value);
  }
  return [...names];
}

/** All readings of one parameter, as text. */
export function valuesOf(params: readonly Param[], key: string): string[] {
  const values: string[] = [];
  const pieces: Piece[] = [];
  for (const { name, value } of params) {
    if (name === key) values.push(utf8(value), decodeWords(utf8(value)));
    else if (name === `${key}*`) values.push(decodeExtended(value));
    else if (name.startsWith(`${key}*`)) pieces.push(readPiece(name.slice(key.length + 1), value));
  }
  if (pieces.length === 0) return values;
  // As it stands, too: that is what the standard says, and what a boundary in pieces is.
  const joined = joinPieces(pieces);
  return [...values, joined, decodeWords(joined), ...pieces.map((piece) => utf8(piece.value))];
}

interface Piece {
  readonly index: number;
  readonly encoded: boolean;
  readonly value: string;
}

/** `0`, `0*`, `17`: number and encoding of a piece (RFC 2231 section 4.1). The number is compared, never used as an index. */
function readPiece(section: string, value: string): Piece {
  const encoded = section.endsWith('*');
  const index = Number(encoded ? section.slice(0, -1) : section);
  return { index: Number.isFinite(index) ? index : 0, encoded, value };
}

/** The pieces in the order of their numbers, whether or not some are missing. */
function joinPieces(pieces: readonly Piece[]): string {
  const sorted = pieces.toSorted((a, b) => a.index - b.index);
  const first = sorted[0];
  const { charset, rest } = first?.encoded ? splitCharset(first.value) : { charset: '', rest: first?.value ?? '' };
  const bytes = sorted.map((piece, at) => {
    const value = at === 0 ? rest : piece.value;
    return piece.encoded ? decodeEscapes(value, '%') : Buffer.from(value, 'latin1');
  });
  return decodeCharset(Buffer.concat(bytes), charset);
}

/** `utf-8'en'na%20me` (RFC 2231 section 4). */
function decodeExtended(value: string): string {
  const { charset, rest } = splitCharset(value);
  return decodeCharset(decodeEscapes(rest, '%'), charset);
}

function splitCharset(value: string): { charset: string; rest: string } {
  const first = value.indexOf("'");
  const second = first < 0 ? -1 : value.indexOf("'", first + 1);
  if (second < 0) return { charset: '', rest: value };
  return { charset: value.slice(0, first), rest: value.slice(second + 1) };
}

/** One character per byte to text. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

// Invisible characters would tear a forbidden ending apart for us, not for the eye or the system.
const INVISIBLE = /[\p{Cc}\p{Cf}]/gu;

/**
 * Marks behind thirty others: no writing has them (UAX 15 section 13), and to put a long run of them in order costs the square
 * of its length. The two that are no \p{M} become marks by NFKC.
 */
const PILED_MARKS = /(?<=[\p{M}\uff9e\uff9f]{30})[\p{M}\uff9e\uff9f]/gu;

function addName(names: Set<string>, value: string): void {
  const clean = trimEnd(value.replace(PILED_MARKS, '').normalize('NFKC').replace(INVISIBLE, '').trim().toLowerCase());
  const base = clean.slice(Math.max(clean.lastIndexOf('/'), clean.lastIndexOf('\\')) + 1);
  for (const name of [clean, base]) if (name !== '') names.add(name);
}

/** Windows drops trailing dots and spaces; quotes at the end are somebody's mistake. */
function trimEnd(name: string): string {
  let end = name.length;
  while (end > 0 && ' .\'"\t'.includes(name[end - 1] ?? '')) end -= 1;
  return name.slice(0, end);
}
