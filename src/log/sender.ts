/**
 * Carries lines to the log process: bounded buffer, one write at a time, reconnect with back-off.
 *
 * States: no connection (a timer or a connect() is under way) → open, idle → open, a batch under way → … A batch
 * whose write failed is sent again over the next connection: when the log process dies, a line may come twice,
 * rather than not at all. Sockets and timers are unref'd, so that nothing here keeps a process alive.
 */
import net from 'node:net';

export interface Sender {
  /** Takes one line, newline included. */
  send(line: string): void;
  flush(deadlineMs: number): Promise<void>;
  dropped(): number;
  close(): void;
}

export interface SenderOptions {
  readonly socket: string;
  /** Characters that may wait. */
  readonly maxBuffer: number;
  /** Makes the line that tells of dropped lines. */
  readonly droppedLine: (count: number) => string;
}

/** How long lines are gathered for one write, in ms. */
const GATHER_MS = 10;
/** Back-off between attempts to connect, milliseconds. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 2000;

/** Characters per write: large enough to be cheap, small enough to be sent again. */
const BATCH = 64 * 1024;

export function openSender(options: SenderOptions): Sender {
  return new SocketSender(options);
}

class SocketSender implements Sender {
  readonly #options: SenderOptions;
  #lines: string[] = [];
  /** Characters in #lines and in the batch under way. */
  #size = 0;
  #batch = '';
  #socket: net.Socket | undefined;
  #open = false;
  #scheduled = false;
  #closed = false;
  #pause = FIRST_PAUSE;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #untold = 0;
  #waiters: (() => void)[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  send(line: string): void {
    if (this.#closed || this.#size + line.length > this.#options.maxBuffer) {
      this.#dropped += 1;
      this.#untold += 1;
      return;
    }
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Lines of many messages share a write and a wake-up of the log process. What a worker loses when it is killed in between
    // is words about mail, never mail.
    setTimeout(() => {
      this.#scheduled = false;
      this.#pump();
    }, GATHER_MS).unref();
  }

  dropped(): number {
    return this.#dropped;
  }

  async flush(deadlineMs: number): Promise<void> {
    if (this.#closed || this.#size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
      // Whoever waits doesn't want to sit out a long back-off.
      this.#pause = FIRST_PAUSE;
      if (this.#timer !== undefined) this.#connect();
      else this.#pump();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#lines = [];
    this.#size = 0;
    this.#release();
  }

  /** Starts the next batch when the line is free. */
  #pump(): void {
    if (this.#closed || this.#batch !== '') return;
    if (this.#lines.length === 0) return this.#release();
    if (this.#socket === undefined && this.#timer === undefined) this.#connect();
    if (this.#open) this.#write(this.#takeBatch());
  }

  #takeBatch(): string {
    if (this.#lines.length < 100 && this.#size < BATCH) {
      const all = this.#lines.join('');
      this.#lines = [];
      return all;
    }
    let count = 0;
    for (let size = 0; count < this.#lines.length && size < BATCH; count += 1) size += this.#lines[count]?.length ?? 0;
    return this.#lines.splice(0, count).join('');
  }

  #write(batch: string): void {
    this.#batch = batch;
    this.#socket?.write(batch, (error) => {
      // On failure the batch stays; 'close' follows, and the next connection sends it again.
      if (error || this.#closed) return;
      this.#size -= batch.length;
      this.#batch = '';
      this.#tellDropped();
      this.#pump();
    });
  }

  /** There is room again: say how many lines are missing here. */
  #tellDropped(): void {
    if (this.#untold === 0 || this.#size > this.#options.maxBuffer / 2) return;
    const line = this.#options.droppedLine(this.#untold);
    this.#untold = 0;
    this.#lines.push(line);
    this.#size += line.length;
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed || this.#socket !== undefined) return;
    const socket = net.connect({ path: this.#options.socket });
    this.#socket = socket;
    socket.unref();
    // The log process sends nothing; reading is what tells us that it is gone.
    socket.resume();
    socket.on('connect', () => {
      this.#open = true;
      this.#pause = FIRST_PAUSE;
      if (this.#batch === '') this.#pump();
      else this.#write(this.#batch);
    });
    // The reason doesn't matter: 'close' follows each error, and that is what is acted upon.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#lost(socket));
  }

  #lost(socket: net.Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#open = false;
    if (this.#closed || this.#size === 0) return;
    this.#timer = setTimeout(() => this.#connect(), this.#pause).unref();
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  /** Everything is with the system: whoever waited in flush() may go on. */
  #release(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
