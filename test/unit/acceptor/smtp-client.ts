/** A client for tests that speaks SMTP line by line. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { waitFor } from '../../support/wait.ts';

export class SmtpClient {
  closed = false;
  #socket: net.Socket;
  #text = '';

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen(socket.setNoDelay(true));
  }

  static async connect(where: net.NetConnectOpts): Promise<SmtpClient> {
    const socket = net.connect(where);
    await once(socket, 'connect');
    return new SmtpClient(socket);
  }

  /** Greeted, and said EHLO. */
  static async greeted(where: net.NetConnectOpts): Promise<SmtpClient> {
    const client = await SmtpClient.connect(where);
    await client.reply();
    await client.ask('EHLO client.example');
    return client;
  }

  write(text: string | Buffer): void {
    this.#socket.write(text);
  }

  /** Sends one command and gives the last line of its reply. */
  ask(command: string): Promise<string> {
    this.write(`${command}\r\n`);
    return this.reply();
  }

  /** The last line of the next reply. Rejects when the server closes before. */
  async reply(): Promise<string> {
    for (;;) {
      const line = await this.#line();
      if (line[3] !== '-') return line;
    }
  }

  /** A whole transaction; gives the answer to the data, or to the first command that was refused. */
  async send(text: string, { from = 'a@example.org', to = ['user@local.test'] } = {}): Promise<string> {
    for (const command of [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA']) {
      const answer = await this.ask(command);
      if (!/^[23]/.test(answer)) return answer;
    }
    this.write(`${text}.\r\n`);
    return this.reply();
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data');
    const secure = tls.connect({ socket: this.#socket, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    this.#socket = secure;
    this.#listen(secure);
  }

  /** Ends our side only. */
  halfClose(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  whenClosed(): Promise<unknown> {
    return waitFor(() => this.closed, { what: 'the server closes' });
  }

  #listen(socket: net.Socket): void {
    socket.on('data', (chunk: Buffer) => (this.#text += chunk.toString('latin1')));
    socket.on('close', () => (this.closed = true));
    // A reset is one way to be closed.
    socket.on('error', () => (this.closed = true));
  }

  async #line(): Promise<string> {
    const { at } = await waitFor(
      () => {
        const end = this.#text.indexOf('\r\n');
        if (end === -1 && this.closed) throw new Error(`the server closed after ${JSON.stringify(this.#text)}`);
        return end !== -1 && { at: end };
      },
      { what: 'a reply' },
    );
    const line = this.#text.slice(0, at);
    this.#text = this.#text.slice(at + 2);
    return line;
  }
}
