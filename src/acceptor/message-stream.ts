/**
 * What smtp-server calls the data stream, without a stream's machinery: decoded chunks go straight to a sink, and the
 * promise that the sink returns is the back-pressure.
 *
 * It has the few properties that smtp-server reads of its PassThrough: `readable` is true until the data has ended, so
 * the answer waits for the true end; destroy() tells the sink that the client went away in the middle.
 * The sink hears exactly one of end() and abort(). Without a sink the data is thrown away.
 */
import type { SMTPServerDataStream } from 'smtp-server/lib/types.js';
import type { DataFaults } from './data-decoder.ts';

export interface MessageSink {
  /** Takes content; a promise means: no more before it is settled. Not called for what lies beyond the size limit. */
  write(content: Buffer): Promise<void> | undefined;
  /** The data has ended as it should. */
  end(summary: DataSummary): void;
  /** The connection is gone; nothing more will come. */
  abort(): void;
}

export interface DataSummary {
  readonly faults: DataFaults;
  /** See Envelope.plain. */
  readonly plain: boolean;
  /** Bytes of content, also of what was not written for its size. */
  readonly bytes: number;
  readonly sizeExceeded: boolean;
}

export class MessageStream {
  sink: MessageSink | undefined;
  readable = true;
  writableEnded = false;
  destroyed = false;
  /** smtp-server resumes a stream that nobody reads; this one always flows. */
  readonly readableFlowing = true;
  byteLength = 0;
  sizeExceeded = false;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  write(content: Buffer): Promise<void> | undefined {
    this.byteLength += content.length;
    this.sizeExceeded ||= this.byteLength > this.#maxBytes;
    if (this.sizeExceeded || this.destroyed) return undefined;
    return this.sink?.write(content);
  }

  end({ faults, plain }: Pick<DataSummary, 'faults' | 'plain'>): void {
    if (this.destroyed) return;
    this.writableEnded = true;
    this.readable = false;
    this.sink?.end({ faults, plain, bytes: this.byteLength, sizeExceeded: this.sizeExceeded });
  }

  destroy(): void {
    if (this.destroyed || this.writableEnded) return;
    this.destroyed = true;
    this.readable = false;
    this.sink?.abort();
  }

  listenerCount(): number {
    return 0;
  }

  removeAllListeners(): this {
    return this;
  }
}

/** To smtp-server, which knows only PassThrough. */
export function asDataStream(stream: MessageStream): SMTPServerDataStream {
  return stream as unknown as SMTPServerDataStream;
}

/** What asDataStream() made, back again. */
export function asMessageStream(stream: unknown): MessageStream {
  if (!(stream instanceof MessageStream)) throw new TypeError('not a MessageStream: the parser was not mended');
  return stream;
}
