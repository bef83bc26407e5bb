/**
 * What a report gives back of the message: all of it when it is small and the sender wants it, else its header.
 *
 * The bytes come from outside: line ends are settled once more here, so that no report carries what an acceptor would refuse.
 */
import type { Readable } from 'node:stream';
import { findHeaderEnd } from '../../../mail/headers.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import { settleLineEnds } from '../smtp/dot-stuffing.ts';

/** Largest message that goes back whole, and most of a header that does, in bytes. */
const MAX_QUOTED = 50_000;

export interface Quote {
  readonly type: 'message/rfc822' | 'text/rfc822-headers';
  /** Ends with a line end. */
  readonly bytes: Buffer;
}

/** RET=HDRS, a warning or a large message: the header only (RFC 3461 section 4.3). */
export async function quoteMessage(message: StoredMessage, kind: 'failed' | 'delayed'): Promise<Quote> {
  const whole = kind === 'failed' && message.envelope.ret !== 'HDRS' && message.size <= MAX_QUOTED;
  const bytes = settleLineEnds(message.bytes ?? (await readStart(message.stream())));
  if (whole) return { type: 'message/rfc822', bytes: withLineEnd(bytes) };
  return { type: 'text/rfc822-headers', bytes: withLineEnd(headerOf(bytes)) };
}

function headerOf(bytes: Buffer): Buffer {
  const end = findHeaderEnd(bytes.subarray(0, MAX_QUOTED));
  // The blank line belongs to the body; a header too long is cut at the end of a line.
  if (end !== -1) return bytes.subarray(0, end - 2);
  const start = bytes.subarray(0, MAX_QUOTED);
  return start.subarray(0, start.lastIndexOf('\r\n') + 2);
}

async function readStart(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_QUOTED) break;
  }
  return Buffer.concat(chunks);
}

function withLineEnd(bytes: Buffer): Buffer {
  return bytes.subarray(-2).toString('latin1') === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
}
