/**
 * The one writer of log/mailfarm.log: takes whole lines, writes them in batches, rotates by size.
 *
 * States: idle → writing → (trouble → writing)* → idle. In trouble (disk full, no permission, bad disk) it tries again
 * with a growing pause; meanwhile lines gather up to a bound, then they are dropped and counted. A batch that was
 * written in part goes on where it stopped; in another file it starts at the beginning of the line that was cut.
 */
import { pause } from '../base/deadline.ts';
import { errorText } from '../base/text.ts';
import { openLogFile, rotateFiles, wasReplaced } from './open-file.ts';
import { openSink, type Sink } from './sink.ts';

export interface Rotation {
  /** Bytes after which the file is moved aside. */
  readonly maxSize: number;
  /** How many old files are kept. */
  readonly keep: number;
}

export interface LogFileOptions {
  readonly file: string;
  readonly rotation: Rotation;
  /** Bytes of lines that may wait for the disk. */
  readonly maxBacklog: number;
  /** Writing works again: `count` lines are missing, for this reason. Returns a line to put in their place. */
  readonly missingLine: (count: number, why: string) => Buffer;
  /** Called once when trouble begins. */
  readonly onTrouble: (why: string) => void;
  /** Called after each write, with the number of lines that are settled. */
  readonly onSettled?: (count: number) => void;
}

/** How long lines are gathered for one write, in ms. */
const GATHER_MS = 20;
const BATCH = 256 * 1024;
const NEWLINE = 0x0a;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;
/** How often the file is looked for on disk, milliseconds; only while there is something to write. */
const LOOK_EVERY = 1000;

export class LogFile {
  readonly #options: LogFileOptions;
  #lines: Buffer[] = [];
  #waiting = 0;
  #untold = 0;
  #dropped = 0;
  /** Lines so far; and of those, how many of the first are in the file or dropped: nobody needs to keep them. */
  #taken = 0;
  #settled = 0;
  #trouble: string | undefined;
  #working: Promise<void> | undefined;
  #sink: Sink | undefined;
  #inode = 0;
  #size = 0;
  #rotation: Rotation;
  #rotateAt: number;
  #lookAt = 0;
  #mended = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#rotation = options.rotation;
    this.#rotateAt = options.rotation.maxSize;
  }

  /** From now on, rotates by these figures. */
  set rotation(rotation: Rotation) {
    this.#rotation = rotation;
    this.#rotateAt = rotation.maxSize;
  }

  /** Takes one line, newline included. The buffer must not change later. */
  write(line: Buffer): void {
    this.#taken += 1;
    if (this.#waiting + line.length > this.#options.maxBacklog) {
      this.#untold += 1;
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    this.#working ??= this.#work();
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lines so far, also those that were dropped. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that wait for the disk. */
  get backlog(): number {
    return this.#waiting;
  }

  /** Resolves when all lines so far are in the file; not at all while the disk is in trouble. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  close(): void {
    this.#sink?.close();
    this.#sink = undefined;
  }

  async #work(): Promise<void> {
    while (this.#lines.length > 0) {
      // Lines of many messages share a write: each write is a trip to the thread pool and back.
      await pause(GATHER_MS);
      const { batch, count } = this.#takeBatch();
      await this.#store(batch);
      this.#waiting -= batch.length;
      // Dropped lines are counted late, when nothing waits: too few are settled in between, never too many.
      this.#settled = this.#lines.length === 0 ? this.#taken : this.#settled + count;
      this.#options.onSettled?.(this.#settled);
      this.#tellMissing();
    }
    this.#working = undefined;
  }

  #takeBatch(): { readonly batch: Buffer; readonly count: number } {
    let count = 0;
    for (let size = 0; count < this.#lines.length && size < BATCH; count += 1) size += this.#lines[count]?.length ?? 0;
    return { batch: Buffer.concat(this.#lines.splice(0, count)), count };
  }

  /** Writes a batch, however long that takes. */
  async #store(batch: Buffer): Promise<void> {
    let done = 0;
    for (let wait = FIRST_PAUSE; ; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      try {
        const sink = await this.#ready(() => (done = lineStart(batch, done)));
        const { written, error } = await sink.write(batch.subarray(done));
        done += written;
        this.#size += written;
        if (error === undefined) return;
        this.#inTrouble(error);
      } catch (error) {
        this.#inTrouble(error);
      }
      await pause(wait);
    }
  }

  #inTrouble(error: unknown): void {
    this.close();
    if (this.#trouble === undefined) this.#options.onTrouble(errorText(error));
    this.#trouble = errorText(error);
  }

  #tellMissing(): void {
    const why = this.#trouble ?? 'the disk is too slow';
    if (this.#untold > 0) {
      const line = this.#options.missingLine(this.#untold, why);
      this.#untold = 0;
      this.#taken += 1;
      this.#lines.push(line);
      this.#waiting += line.length;
    }
    this.#trouble = undefined;
  }

  /** The open file, after rotation where it is due; `onOther` is called when it is not the file of the last batch. */
  async #ready(onOther: () => void): Promise<Sink> {
    const { file } = this.#options;
    if (this.#sink !== undefined && Date.now() >= this.#lookAt) {
      this.#lookAt = Date.now() + LOOK_EVERY;
      if (await wasReplaced(file, this.#inode)) this.close();
    }
    if (this.#sink !== undefined && this.#size >= this.#rotateAt) await this.#rotate();
    return this.#sink ?? (await this.#open(onOther));
  }

  async #open(onOther: () => void): Promise<Sink> {
    const opened = await openLogFile(this.#options.file, { mend: !this.#mended });
    this.#mended = true;
    // A new file may have got the inode of one that was removed: then it is empty.
    if (opened.inode !== this.#inode || opened.size === 0) onOther();
    if (opened.inode !== this.#inode) this.#rotateAt = this.#rotation.maxSize;
    this.#inode = opened.inode;
    this.#size = opened.size;
    this.#sink = openSink(opened.fd);
    return this.#sink;
  }

  async #rotate(): Promise<void> {
    try {
      await rotateFiles(this.#options.file, this.#rotation.keep);
      this.close();
    } catch (error) {
      // Better a large file than none: go on, and try again later.
      this.#rotateAt = this.#size + this.#rotation.maxSize;
      this.#options.onTrouble(`cannot rotate: ${errorText(error)}`);
    }
  }
}

/** Where the line begins that byte `at` belongs to. */
function lineStart(batch: Buffer, at: number): number {
  return at === 0 ? 0 : batch.lastIndexOf(NEWLINE, at - 1) + 1;
}
