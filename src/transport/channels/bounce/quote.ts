/**
 * What a report gives back of the message: all of it when it is small and the sender wants it, else its header.
 *
 * The bytes come from outside: line ends are settled once more here, so that no report carries what an acceptor would refuse.
 */
import type { Readable } from 'node:stream';
import type { ReportKind } from '../../../ipc/messages.ts';
import { findHeaderEnd } from '../../../mail/headers.ts';
import type { StoredMessage } from '../../../queue/store.ts';
import { settleLineEnds } from '../smtp/dot-stuffing.ts';

/** Most of a header that goes back, in bytes. */
const MAX_HEADER = 50_000;

export interface Quote {
  readonly type: 'message/rfc822' | 'text/rfc822-headers';
  /** Ends with a line end. */
  readonly bytes: Buffer;
  /** The header alone, and only because the message is larger than `returnSize`. */
  readonly cut: boolean;
}

/** RET=HDRS, a report of no failure, or a message above `returnSize` bytes: the header only (RFC 3461 section 4.3). */
export async function quoteMessage(message: StoredMessage, kind: ReportKind, returnSize: number): Promise<Quote> {
  const wanted = kind === 'failed' && message.envelope.ret !== 'HDRS';
  const whole = wanted && message.size <= returnSize;
  const most = whole ? message.size : MAX_HEADER;
  const bytes = settleLineEnds(message.bytes ?? (await readStart(message.stream(), most)));
  if (whole) return { type: 'message/rfc822', bytes: withLineEnd(bytes), cut: false };
  return { type: 'text/rfc822-headers', bytes: withLineEnd(headerOf(bytes)), cut: wanted };
}

function headerOf(bytes: Buffer): Buffer {
  const end = findHeaderEnd(bytes.subarray(0, MAX_HEADER));
  // The blank line belongs to the body; a header too long is cut at the end of a line.
  if (end !== -1) return bytes.subarray(0, end - 2);
  const start = bytes.subarray(0, MAX_HEADER);
  return start.subarray(0, start.lastIndexOf('\r\n') + 2);
}

async function readStart(stream: Readable, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) break;
  }
  return Buffer.concat(chunks);
}

function withLineEnd(bytes: Buffer): Buffer {
  return bytes.subarray(-2).toString('latin1') === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
}
