/**
 * What a command gets from its process, and how it writes: the only way from here to argv, environment and streams.
 *
 * A reader that went away (`queue list | head`) is no error: writing then answers false and the command may stop.
 */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export interface Context {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly out: Output;
  readonly err: Output;
}

/** A stream of text for people or programs. */
export class Output {
  readonly stream: Writable;
  #gone = false;

  constructor(stream: Writable) {
    this.stream = stream;
    stream.on('error', () => {
      this.#gone = true;
    });
    stream.on('close', () => {
      this.#gone = true;
    });
  }

  /** Somebody looks at it. */
  get isTerminal(): boolean {
    return (this.stream as { readonly isTTY?: boolean }).isTTY === true;
  }

  /** Characters of a line; undefined where it is no terminal, or one that does not say. */
  get columns(): number | undefined {
    return (this.stream as { readonly columns?: number }).columns || undefined;
  }

  /** Nobody reads any more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Writes text and waits while the reader is slow. False when the reader is gone. */
  async write(text: string | Buffer): Promise<boolean> {
    if (this.#gone) return false;
    if (this.stream.write(text)) return true;
    const waiting = new AbortController();
    const ends = ['drain', 'close', 'error'].map((event) => once(this.stream, event, { signal: waiting.signal }));
    // The losers are aborted below; their rejection means nothing.
    await Promise.race(ends.map((end) => end.catch(() => undefined)));
    waiting.abort();
    return !this.#gone;
  }

  line(text: string): Promise<boolean> {
    return this.write(`${text}\n`);
  }

  /** One JSON object on a line of its own. */
  json(value: unknown): Promise<boolean> {
    return this.write(`${JSON.stringify(value)}\n`);
  }
}

/** Runs a command of this process and sets its exit status; call it once, from a main file. */
export async function runMain(command: (context: Context) => Promise<number>): Promise<void> {
  process.umask(0o077);
  process.exitCode = await command({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    out: new Output(process.stdout),
    err: new Output(process.stderr),
  });
  // An open standard input (a terminal, a pipe that nobody ends) must not keep a finished command alive.
  process.stdin.destroy();
}
