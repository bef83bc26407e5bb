/**
 * Gathers the header of a message or of one part, line by line, and says what the part is: a multipart with which
 * boundaries, a message within the message, with which attachment names.
 *
 * Of fields that stand twice, all count: mail programs differ in which one they believe. Names of fields are compared,
 * never used as keys. What is kept is bounded by the caller's limit on the header's size.
 */
import { attachmentNames, valuesOf } from './attachment-names.ts';
import { parseParams, type Param, type Parameterised } from './mime-params.ts';

export interface PartKind {
  /** Of a multipart; empty when it is none, or names no boundary. */
  readonly boundaries: readonly string[];
  readonly digest: boolean;
  /** What follows the header is a message with a header of its own. */
  readonly message: boolean;
}

const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const LOWER_C = 0x63;

/** Longest field name of interest, `content-transfer-encoding`, and no blanks. */
const MAX_NAME = 25;

const MESSAGE_TYPES: ReadonlySet<string> = new Set(['message/rfc822', 'message/global', 'message/news']);

export class PartHeader {
  /** Fields so far. */
  fields = 0;
  readonly #types: Parameterised[] = [];
  readonly #dispositions: Parameterised[] = [];
  #encoding = '';
  #name = '';
  #pieces: string[] = [];

  /** Takes the line buf[from, to), without its line end. */
  addLine(buf: Buffer, from: number, to: number): void {
    if (buf[from] === SPACE || buf[from] === TAB) {
      if (this.#name !== '') this.#pieces.push(buf.toString('latin1', from, to));
      return;
    }
    this.#endField();
    this.fields += 1;
    // All fields of interest begin with Content-.
    if (((buf[from] ?? 0) | 0x20) !== LOWER_C) return;
    const colon = buf.subarray(from, to).indexOf(COLON);
    if (colon < 0) return;
    // Any number of blanks may stand before the colon: many mail programs read over them.
    const name = buf
      .toString('latin1', from, from + colon)
      .trimEnd()
      .toLowerCase();
    if (name.length > MAX_NAME) return;
    this.#name = name;
    this.#pieces = [buf.toString('latin1', from + colon + 1, to)];
  }

  /** Call it when the header is complete. `inDigest`: what names no type is a message. */
  kind(inDigest: boolean): PartKind {
    this.#endField();
    const multiparts = this.#types.filter(({ value }) => value.startsWith('multipart/'));
    const named = this.#types.some(({ value }) => MESSAGE_TYPES.has(value));
    // A message may not be encoded (RFC 2046 section 5.2.1); of one in base64 there is nothing to read as a header.
    const readable = !/base64|uue/.test(this.#encoding);
    return {
      boundaries: multiparts.flatMap(({ params }) => boundariesOf(params)),
      digest: multiparts.some(({ value }) => value === 'multipart/digest'),
      message: readable && (named || (inDigest && this.#types.length === 0)),
    };
  }

  /** The names that mail programs may give to this part; call it after kind(). */
  names(): string[] {
    return attachmentNames([...this.#dispositions, ...this.#types].flatMap(({ params }) => params));
  }

  #endField(): void {
    if (this.#name === '') return;
    const value = this.#pieces.join('');
    if (this.#name === 'content-type') this.#types.push(parseParams(value));
    else if (this.#name === 'content-disposition') this.#dispositions.push(parseParams(value));
    else if (this.#name === 'content-transfer-encoding') this.#encoding += value.toLowerCase();
    this.#name = '';
    this.#pieces = [];
  }
}

function boundariesOf(params: readonly Param[]): string[] {
  const own = params.filter(({ name }) => name === 'boundary').map(({ value }) => value);
  const decoded = valuesOf(
    params.filter(({ name }) => name.startsWith('boundary*')),
    'boundary',
  );
  return [...new Set([...own, ...decoded.map((text) => Buffer.from(text).toString('latin1'))])];
}
