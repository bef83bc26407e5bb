/**
 * Bytes to frames and back. On the wire: lines of JSON, each an array of frames (one line carries what one turn of the
 * event loop had to say, so a busy peer parses once for many frames).
 *
 * Decoding is total: a line that is too long, no JSON, no array or holds an unknown frame ends the connection, as a value.
 */
import { asFrame } from './decode.ts';
import type { Frame } from './messages.ts';

/** Longest line, in bytes: room for 100 envelopes with 1,000 recipients each. */
export const MAX_LINE = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

export type Decoded = { readonly frames: readonly Frame[]; readonly bad?: undefined } | { readonly bad: string };

/** Collects chunks into lines. After a bad one it must not be fed again. */
export class FrameDecoder {
  #partial: Buffer[] = [];
  #partialLength = 0;

  /** Frames completed by this chunk, in order; or why the peer cannot be trusted any more. */
  feed(chunk: Buffer): Decoded {
    const frames: Frame[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end < 0) break;
      const bad = this.#line(chunk.subarray(from, end), frames);
      if (bad !== undefined) return { bad };
      from = end + 1;
    }
    if (from < chunk.length) {
      this.#partial.push(from === 0 ? chunk : chunk.subarray(from));
      this.#partialLength += chunk.length - from;
      if (this.#partialLength > MAX_LINE) return { bad: `line longer than ${MAX_LINE} bytes` };
    }
    return { frames };
  }

  #line(tail: Buffer, into: Frame[]): string | undefined {
    let line = tail;
    if (this.#partialLength > 0) {
      this.#partial.push(tail);
      line = Buffer.concat(this.#partial, this.#partialLength + tail.length);
      this.#partial = [];
      this.#partialLength = 0;
    }
    if (line.length > MAX_LINE) return `line longer than ${MAX_LINE} bytes`;
    return parseLine(line.toString('utf8'), into);
  }
}

function parseLine(line: string, into: Frame[]): string | undefined {
  let values: unknown;
  try {
    values = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  if (!Array.isArray(values)) return 'not an array of frames';
  for (const value of values) {
    const frame = asFrame(value);
    if (frame === undefined) return 'no known frame, or one of the wrong shape';
    into.push(frame);
  }
  return undefined;
}

/** One line of the wire for these already stringified frames. */
export function encodeLine(frames: readonly string[]): string {
  return `[${frames.join(',')}]\n`;
}
