/**
 * Content on its way out of DATA: dots doubled at line starts, line ends settled, end mark set (RFC 5321 section 4.5.2).
 *
 * This is one of the two edges where line ends are settled: whatever the queue holds, no bare CR, no bare LF and no NUL leaves
 * (SMTP smuggling). The search is native (Buffer.indexOf); only content that breaks the rule is gone through byte by byte.
 */
import { ControlScan } from '../../../base/control-scan.ts';
import { Transform, type TransformCallback } from 'node:stream';

const CR = 13;
const LF = 10;
const DOT = 46;
const SPACE = 32;
const CRLF = Buffer.from('\r\n');
const END = Buffer.from('.\r\n');

/** Bytes to send after the content, whose last bytes are given. */
export function endOfData(content: Buffer): Buffer {
  if (content.length === 0 || endsWithLine(content)) return END;
  return Buffer.concat([CRLF, END]);
}

/** CRLF line ends, each bare CR and each bare LF made one, each NUL a space. The same buffer when nothing had to change. */
export function settleLineEnds(content: Buffer): Buffer {
  return isSettled(content) ? content : rewrite(content);
}

/** Doubles the dot at the start of each line. The content must be settled and start at a line start, unless `midLine`. */
export function stuffDots(content: Buffer, midLine = false): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  const double = (dot: number): void => {
    pieces.push(content.subarray(from, dot + 1));
    from = dot;
  };
  if (!midLine && content[0] === DOT) double(0);
  for (let at = content.indexOf('\n.'); at !== -1; at = content.indexOf('\n.', at + 1)) double(at + 1);
  if (pieces.length === 0) return content;
  pieces.push(content.subarray(from));
  return Buffer.concat(pieces);
}

/** Settles and stuffs a stream of content and ends it with the end mark. */
export class DotStuffing extends Transform {
  #midLine = false;
  /** A CR at the end of the last chunk waits for what follows it. */
  #heldCr = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(this.#heldCr ? Buffer.concat([CRLF.subarray(0, 1), chunk]) : chunk);
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#heldCr) this.push(CRLF);
    else if (this.#midLine) this.push(CRLF);
    this.push(END);
    done();
  }

  #take(bytes: Buffer): void {
    this.#heldCr = bytes.at(-1) === CR;
    const settled = settleLineEnds(this.#heldCr ? bytes.subarray(0, -1) : bytes);
    if (settled.length === 0) return;
    this.push(stuffDots(settled, this.#midLine));
    this.#midLine = !endsWithLine(settled);
  }
}

function endsWithLine(content: Buffer): boolean {
  return content.length >= 2 && content.at(-2) === CR && content.at(-1) === LF;
}

function isSettled(content: Buffer): boolean {
  const scan = new ControlScan(content);
  for (let at = scan.next(0); at < content.length; at = scan.next(at + 1)) {
    const byte = content[at];
    if (byte === LF || byte === 0) return false;
    if (byte !== CR) continue;
    at += 1;
    if (content[at] !== LF) return false;
  }
  return true;
}

function rewrite(content: Buffer): Buffer {
  const out = Buffer.allocUnsafe(content.length * 2);
  let length = 0;
  for (let at = 0; at < content.length; at += 1) {
    const byte = content[at] ?? 0;
    if (byte === CR || byte === LF) {
      out[length] = CR;
      out[length + 1] = LF;
      length += 2;
      if (byte === CR && content[at + 1] === LF) at += 1;
    } else {
      out[length] = byte === 0 ? SPACE : byte;
      length += 1;
    }
  }
  return out.subarray(0, length);
}
