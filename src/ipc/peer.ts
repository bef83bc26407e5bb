/**
 * One end of a connection between two processes, after both said hello.
 *
 * States: open → closed, once. Frames sent in one turn of the event loop leave in one write. Every request has an id
 * and a deadline and ends when the connection does. A bad frame closes the connection and nothing else.
 */
import type { Socket } from 'node:net';
import { DeadlineExceeded } from '../base/deadline.ts';
import { encodeLine, MAX_LINE, type FrameDecoder } from './codec.ts';
import type { Frame, Hello } from './messages.ts';

/** The connection ended before the answer came. */
export class PeerGone extends Error {
  override readonly name = 'PeerGone';
}

type WithoutId<F> = F extends { readonly n: number } ? Omit<F, 'n'> : never;
/** A frame that expects an answer, before it has its id. */
export type Request = WithoutId<Frame>;

interface Waiting {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests to one peer that may wait for an answer at a time. */
const MAX_REQUESTS = 100_000;
/** Characters that go into one line, but for a frame that is longer: a character may be three bytes. */
const ONE_LINE = MAX_LINE / 4;

export class Peer {
  /** What the other end said of itself. */
  readonly hello: Hello;
  /** Called once, with the reason; 'bad frame: …' when the other end broke the protocol. */
  onClose: (why: string) => void = ignore;

  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #waiting = new Map<number, Waiting>();
  #outgoing: string[] = [];
  #outgoingLength = 0;
  #flushing = false;
  #closed = false;
  #lastId = 0;
  #onFrame: ((frame: Frame) => void) | undefined;
  /** Frames that came before anyone wanted them. */
  #early: Frame[];

  constructor(socket: Socket, hello: Hello, options: { decoder: FrameDecoder; early: readonly Frame[] }) {
    this.#socket = socket;
    this.hello = hello;
    this.#decoder = options.decoder;
    this.#early = [...options.early];
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('closed'));
  }

  /** Called with each frame that is not the answer to a request, from the first one on. */
  set onFrame(handler: (frame: Frame) => void) {
    this.#onFrame = handler;
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#dispatch(frame);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait to be written. */
  get buffered(): number {
    return this.#outgoingLength + this.#socket.writableLength;
  }

  /** Ids for requests that the caller tracks by itself. */
  nextId(): number {
    this.#lastId = this.#lastId >= Number.MAX_SAFE_INTEGER - 1 ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  send(frame: Frame): void {
    if (this.#closed) return;
    const text = JSON.stringify(frame);
    this.#outgoing.push(text);
    this.#outgoingLength += text.length;
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  /** Sends with a fresh id and resolves with the answer. Rejects with PeerGone or DeadlineExceeded. */
  request(frame: Request, deadlineMs: number): Promise<Frame> {
    if (this.#closed) return Promise.reject(new PeerGone('connection is closed'));
    if (this.#waiting.size >= MAX_REQUESTS) return Promise.reject(new PeerGone('too many requests wait'));
    const n = this.nextId();
    return new Promise<Frame>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(n);
        reject(new DeadlineExceeded(`${frame.t} to ${this.hello.worker}: no answer after ${deadlineMs} ms`));
      }, deadlineMs);
      this.#waiting.set(n, { resolve, reject, timer });
      this.send({ ...frame, n });
    });
  }

  /** Stops reading: the other end feels it as back-pressure. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Writes what waits, then closes. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#socket.end();
    this.#socket.setTimeout(5000, () => this.#socket.destroy());
    this.#end('closed here');
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    const decoded = this.#decoder.feed(chunk);
    if (decoded.bad !== undefined) {
      this.#socket.destroy();
      this.#end(`bad frame: ${decoded.bad}`);
      return;
    }
    for (const frame of decoded.frames) this.#dispatch(frame);
  }

  #dispatch(frame: Frame): void {
    if (this.#closed) return;
    const waiting = 'n' in frame ? this.#waiting.get(frame.n) : undefined;
    if (waiting === undefined || !isAnswer(frame)) {
      if (this.#onFrame) this.#onFrame(frame);
      else this.#early.push(frame);
      return;
    }
    this.#waiting.delete((frame as { n: number }).n);
    clearTimeout(waiting.timer);
    waiting.resolve(frame);
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#outgoing.length === 0) return;
    const frames = this.#outgoing;
    const lines = this.#outgoingLength <= ONE_LINE ? [frames] : splitFrames(frames);
    this.#outgoing = [];
    this.#outgoingLength = 0;
    if (this.#socket.destroyed) return;
    for (const line of lines) this.#socket.write(encodeLine(line));
  }

  #end(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new PeerGone(`${this.hello.worker}: ${why}`));
    }
    this.#waiting.clear();
    this.onClose(why);
  }
}

const ANSWERS: ReadonlySet<string> = new Set([
  'taken',
  'refused',
  'done',
  'verdict',
  'plan',
  'gone',
  'claimed',
  'stats',
  'where',
  'tenants',
  'site',
  'work',
]);

/** Frames that come together, after a reconnect above all, may be more than the other end takes as one line. */
function splitFrames(frames: readonly string[]): string[][] {
  const lines: string[][] = [];
  let room = 0;
  for (const frame of frames) {
    room -= frame.length;
    if (room < 0) {
      lines.push([]);
      room = ONE_LINE - frame.length;
    }
    lines.at(-1)?.push(frame);
  }
  return lines;
}

function isAnswer(frame: Frame): boolean {
  return ANSWERS.has(frame.t);
}

function ignore(): void {
  // Replaced by whoever owns the peer.
}
