/**
 * A message as Maildir readers expect it: two fields on top, lines ended by LF alone.
 *
 * The queue holds CRLF; every Unix mail reader, and the tools people use on mail files, expect LF. A CR that is not
 * part of a CRLF is content and stays, so that nothing but line ends is ever changed.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { oneLine } from '../../../base/text.ts';

const CR = 13;
const LF = 10;

/** Return-Path (RFC 5321 section 4.4) and Delivered-To. */
export function topFields(sender: string, recipient: string): Buffer {
  return Buffer.from(`Return-Path: <${oneLine(sender)}>\nDelivered-To: ${oneLine(recipient)}\n`);
}

/** Each CRLF made LF. The same buffer when there is none. `into`: where to, if that may be the content itself. */
export function toUnixLines(content: Buffer, into?: Buffer): Buffer {
  let at = content.indexOf('\r\n');
  if (at === -1) return content;
  const out = into ?? Buffer.allocUnsafe(content.length);
  let from = 0;
  let length = 0;
  for (; at !== -1; at = content.indexOf('\r\n', from + 1)) {
    length += content.copy(out, length, from, at);
    from = at + 1;
  }
  length += content.copy(out, length, from);
  return out.subarray(0, length);
}

/** toUnixLines() for a stream, whose chunks are changed: a CR at the end of a chunk waits for what follows it. */
export class UnixLines extends Transform {
  #heldCr = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (chunk.length === 0) return done();
    if (this.#heldCr && chunk[0] !== LF) this.push(Buffer.of(CR));
    this.#heldCr = chunk.at(-1) === CR;
    const bytes = this.#heldCr ? chunk.subarray(0, -1) : chunk;
    done(null, toUnixLines(bytes, bytes));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#heldCr ? Buffer.of(CR) : undefined);
  }
}
