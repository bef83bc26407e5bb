/**
 * Line ends of sendmail -bs: a keyboard and most scripts end a line with LF, SMTP with CRLF. An LF without its CR gets
 * one; nothing else is touched. The farm offers no BDAT, so no count of bytes becomes wrong by that.
 */
import { Transform, type TransformCallback } from 'node:stream';

const CR = 0x0d;
const LF = 0x0a;

export class SessionLines extends Transform {
  /** The last byte of the chunk before: its CR may belong to an LF that comes first in the next one. */
  #last = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, this.#withCrlf(chunk));
  }

  #withCrlf(chunk: Buffer): Buffer {
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      if ((at === 0 ? this.#last : chunk[at - 1]) === CR) continue;
      parts.push(chunk.subarray(from, at), Buffer.from('\r\n'));
      from = at + 1;
    }
    this.#last = chunk.at(-1) ?? this.#last;
    return parts.length === 0 ? chunk : Buffer.concat([...parts, chunk.subarray(from)]);
  }
}
