/**
 * Carries lines to the log process: bounded buffers, one write at a time, reconnect with back-off.
 *
 * States: no connection (a timer or a connect() is under way) → open, idle → open, a batch under way → … The log process
 * answers with how many lines of the connection are in the file. Batches are kept until then and sent again over the next
 * connection: when the log process dies, a line may come twice, rather than not at all. It answers when it likes, a few
 * times a second; an empty line asks it to do so as soon as it can. Sockets and timers are unref'd, so that nothing here
 * keeps a process alive.
 */
import net from 'node:net';

export interface Sender {
  /** Takes one line, newline included. */
  send(line: string): void;
  /** True when all lines so far are in the file, false after the deadline. */
  flush(deadlineMs: number): Promise<boolean>;
  dropped(): number;
  close(): void;
}

export interface SenderOptions {
  readonly socket: string;
  /** Characters that may wait, and characters of sent lines that are kept until they are acknowledged. */
  readonly maxBuffer: number;
  /** Makes the line that tells of dropped lines. */
  readonly droppedLine: (count: number) => string;
}

/** Lines `start` (not included) to `end`, counted from the first that this process ever sent. */
interface Batch {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface Waiter {
  readonly until: number;
  readonly resolve: (done: boolean) => void;
}

/** How long lines are gathered for one write, in ms. */
const GATHER_MS = 10;
/** Back-off between attempts to connect, milliseconds. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 2000;

/** Characters per write: large enough to be cheap, small enough to be sent again. */
const BATCH = 64 * 1024;
/** From this share of the bound on, an answer is asked for. */
const ASK_AT = 1 / 4;
/** Characters of an answer that is not whole. */
const MAX_ANSWER = 20;

export function openSender(options: SenderOptions): Sender {
  return new SocketSender(options);
}

class SocketSender implements Sender {
  readonly #options: SenderOptions;
  #lines: string[] = [];
  /** Characters in #lines. */
  #size = 0;
  /** Written, or to be written again; oldest first. */
  #kept: Batch[] = [];
  #keptSize = 0;
  /** Lines taken so far, and of those: written over this connection, before its first, in the file for all we know. */
  #taken = 0;
  #written = 0;
  #base = 0;
  #settled = 0;
  #writing = false;
  /** An answer is wanted for what is written next, or was written last. */
  #ask = false;
  #socket: net.Socket | undefined;
  #open = false;
  #scheduled = false;
  #closed = false;
  #pause = FIRST_PAUSE;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #untold = 0;
  #waiters: Waiter[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  send(line: string): void {
    if (this.#closed || this.#size + line.length > this.#options.maxBuffer) {
      this.#dropped += 1;
      this.#untold += 1;
      return;
    }
    this.#put(line);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Lines of many messages share a write and a wake-up of the log process. A worker that is killed in between loses words
    // about mail, never mail; and before the last trace of a message goes, its lines are waited for.
    setTimeout(() => {
      this.#scheduled = false;
      this.#pump();
    }, GATHER_MS).unref();
  }

  dropped(): number {
    return this.#dropped;
  }

  async flush(deadlineMs: number): Promise<boolean> {
    if (this.#settled >= this.#taken) return true;
    if (this.#closed) return false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#release((waiter) => waiter === mine, false), deadlineMs);
      const mine: Waiter = { until: this.#taken, resolve: (done) => (clearTimeout(timer), resolve(done)) };
      this.#waiters.push(mine);
      this.#ask = true;
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
    this.#kept = [];
    this.#release(() => true, false);
  }

  #put(line: string): void {
    this.#lines.push(line);
    this.#size += line.length;
    this.#taken += 1;
  }

  /** Starts the next write when the connection is free. */
  #pump(): void {
    if (this.#closed || this.#writing) return;
    if (this.#socket === undefined && this.#timer === undefined && this.#written < this.#taken) this.#connect();
    if (!this.#open) return;
    const next = this.#kept.find(({ end }) => end > this.#written) ?? this.#takeBatch();
    if (next === undefined && !this.#ask) return;
    this.#written = next?.end ?? this.#written;
    const last = this.#written === this.#taken;
    const asks = last && this.#ask;
    if (last) this.#ask = false;
    this.#write((next?.text ?? '') + (asks ? '\n' : ''));
  }

  #takeBatch(): Batch | undefined {
    if (this.#lines.length === 0) return undefined;
    let count = 0;
    let size = 0;
    for (; count < this.#lines.length && size < BATCH; count += 1) size += this.#lines[count]?.length ?? 0;
    const lines = count === this.#lines.length ? this.#lines : this.#lines.splice(0, count);
    if (lines === this.#lines) this.#lines = [];
    const batch = { text: lines.join(''), start: this.#written, end: this.#written + count };
    this.#size -= size;
    this.#keep(batch);
    return batch;
  }

  /** The log process is slow to answer: what it got first it most likely has, and new lines matter more. */
  #keep(batch: Batch): void {
    const { maxBuffer } = this.#options;
    this.#kept.push(batch);
    this.#keptSize += batch.text.length;
    if (this.#keptSize > maxBuffer * ASK_AT) this.#ask = true;
    while (this.#keptSize > maxBuffer && this.#kept.length > 1) this.#forgetFirst();
  }

  #forgetFirst(): void {
    this.#keptSize -= this.#kept.shift()?.text.length ?? 0;
  }

  #write(text: string): void {
    const socket = this.#socket;
    this.#writing = true;
    socket?.write(text, (error) => {
      // On failure 'close' follows, and the next connection sends it again.
      if (error || this.#closed || socket !== this.#socket) return;
      this.#writing = false;
      this.#tellDropped();
      this.#pump();
    });
  }

  /** There is room again: say how many lines are missing here. */
  #tellDropped(): void {
    if (this.#untold === 0 || this.#size > this.#options.maxBuffer / 2) return;
    const line = this.#options.droppedLine(this.#untold);
    this.#untold = 0;
    this.#put(line);
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed || this.#socket !== undefined) return;
    const socket = net.connect({ path: this.#options.socket });
    this.#socket = socket;
    socket.unref();
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer = this.#answered(answer + chunk.toString('latin1'));
    });
    socket.on('connect', () => this.#begin());
    // The reason doesn't matter: 'close' follows each error, and that is what is acted upon.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#lost(socket));
  }

  #begin(): void {
    this.#open = true;
    this.#pause = FIRST_PAUSE;
    this.#base = this.#kept[0]?.start ?? this.#written;
    this.#written = this.#base;
    this.#ask ||= this.#waiters.length > 0;
    this.#pump();
  }

  /** Takes `COUNT\n`, only the last of several matters; returns what is not a whole line yet. */
  #answered(text: string): string {
    const end = text.lastIndexOf('\n');
    const rest = text.slice(end + 1).slice(0, MAX_ANSWER);
    if (end < 0) return rest;
    const count = Number(text.slice(text.lastIndexOf('\n', end - 1) + 1, end));
    if (!Number.isSafeInteger(count)) return rest;
    // Never more than we wrote, whatever the other side says.
    this.#settled = Math.max(this.#settled, Math.min(this.#base + count, this.#written));
    while ((this.#kept[0]?.end ?? Infinity) <= this.#settled) this.#forgetFirst();
    this.#release(({ until }) => until <= this.#settled, true);
    return rest;
  }

  #lost(socket: net.Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#open = false;
    this.#writing = false;
    if (this.#closed || this.#settled >= this.#taken) return;
    this.#timer = setTimeout(() => this.#connect(), this.#pause).unref();
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #release(which: (waiter: Waiter) => boolean, done: boolean): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = waiters.filter((waiter) => !which(waiter));
    for (const waiter of waiters) if (which(waiter)) waiter.resolve(done);
  }
}
