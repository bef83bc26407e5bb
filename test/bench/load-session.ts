/**
 * One SMTP session of the load generator: sends message after message over one connection.
 *
 * MAIL, RCPT and DATA go out in one write (RFC 2920), the content once the server said 354, the next envelope once it
 * said 250: what it counts as accepted was acknowledged. Any other answer ends the session and is told: a benchmark
 * that goes on after a refusal measures something else.
 */
import net from 'node:net';

const ENVELOPE_ANSWERS = [250, 250, 354];

/** A message on the wire. */
export interface Load {
  /** MAIL, RCPT and DATA. */
  readonly envelope: Buffer;
  /** Dot-stuffed and ended. */
  readonly content: Buffer;
}

export interface LoadSource {
  /** Undefined when there is no more. */
  next(): Load | undefined;
  accepted(): void;
}

/** States: greeting → hello → ready → (envelope → content)… → closed. */
export class LoadSession {
  readonly #socket: net.Socket;
  readonly #opened = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<string | undefined>();
  #state: 'greeting' | 'hello' | 'ready' | 'envelope' | 'content' | 'closed' = 'greeting';
  #text = '';
  #answered = 0;
  #source: LoadSource | undefined;
  #load: Load | undefined;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#close(error.message));
    this.#socket.on('close', () => this.#close('the server closed the connection'));
    this.#opened.promise.catch(() => {});
  }

  /** Resolves when the server answered EHLO; rejects when the session ended before. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Sends all that the source has. Resolves with undefined, or with what went wrong; never rejects. */
  send(source: LoadSource): Promise<string | undefined> {
    this.#source = source;
    if (this.#state === 'ready') this.#next();
    return this.#finished.promise;
  }

  /** Ends it at once; what is under way is not counted. */
  abort(why: string): void {
    this.#close(why);
  }

  #receive(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line[3] !== '-' && this.#state !== 'closed') this.#answer(Number(line.slice(0, 3)), line);
    }
  }

  #answer(code: number, line: string): void {
    if (code !== this.#wanted()) return this.#close(`${this.#state}: ${line.trim()}`);
    if (this.#state === 'greeting') {
      this.#state = 'hello';
      this.#socket.write('EHLO generator.bench.example\r\n');
    } else if (this.#state === 'hello') {
      this.#state = 'ready';
      this.#opened.resolve();
    } else if (this.#state === 'envelope') {
      this.#answered += 1;
      if (this.#answered === ENVELOPE_ANSWERS.length) this.#sendContent();
    } else {
      this.#source?.accepted();
      this.#next();
    }
  }

  #wanted(): number | undefined {
    if (this.#state === 'greeting') return 220;
    return this.#state === 'envelope' ? ENVELOPE_ANSWERS[this.#answered] : 250;
  }

  #next(): void {
    this.#load = this.#source?.next();
    if (this.#load === undefined) {
      this.#socket.end('QUIT\r\n');
      return this.#close(undefined);
    }
    this.#state = 'envelope';
    this.#answered = 0;
    this.#socket.write(this.#load.envelope);
  }

  #sendContent(): void {
    this.#state = 'content';
    if (this.#load !== undefined) this.#socket.write(this.#load.content);
  }

  #close(why: string | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    if (why !== undefined) this.#socket.destroy();
    this.#opened.reject(new Error(why ?? 'closed'));
    this.#finished.resolve(why);
  }
}
