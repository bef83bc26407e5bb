/** One raw SMTP session on a socket: write what you like, read answers line by line. No library stands in between. */
import net from 'node:net';

export interface SmtpAnswer {
  readonly code: number;
  /** All lines, joined by a line feed, without the code. */
  readonly text: string;
}

/** The connection ended, or nothing came in time. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
}

export class SmtpSession {
  readonly socket: net.Socket;
  /** The server said 421: it ends this session in order. */
  dismissed = false;
  #buffer = '';
  #lines: string[] = [];
  readonly #answers: SmtpAnswer[] = [];
  #waiting: { resolve: (answer: SmtpAnswer) => void; reject: (error: Error) => void } | undefined;
  #lost: string | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk.toString('latin1')));
    socket.on('error', (error) => this.#lose(error.message));
    socket.on('close', () => this.#lose('closed'));
  }

  /** Connects, reads the greeting, says EHLO (or LHLO). */
  static async open(to: number | string, options: { readonly hello?: string } = {}): Promise<SmtpSession> {
    const session = SmtpSession.connect(to);
    const greeting = await session.read();
    if (greeting.code !== 220) throw new SessionLost(`greeting ${greeting.code} ${greeting.text}`);
    await session.say(options.hello ?? 'EHLO test.example');
    return session;
  }

  /** Connects and does nothing more. A port of 127.0.0.1, or a path. */
  static connect(to: number | string): SmtpSession {
    return new SmtpSession(typeof to === 'number' ? net.connect(to, '127.0.0.1') : net.connect(to));
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** One command, one answer. */
  say(line: string): Promise<SmtpAnswer> {
    this.write(`${line}\r\n`);
    return this.read();
  }

  /** The next answer. Rejects with SessionLost. */
  read(deadline = 60_000): Promise<SmtpAnswer> {
    const ready = this.#answers.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#lost !== undefined) return Promise.reject(new SessionLost(this.#lost));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(`no answer within ${deadline} ms`), deadline);
      this.#waiting = {
        resolve: (answer) => (clearTimeout(timer), resolve(answer)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
    });
  }

  /** MAIL, RCPT and DATA in one write; the content once the server asks for it. The answer to the message, or the refusal. */
  async send(
    from: string,
    to: readonly string[],
    content: string | Buffer,
    onContent?: () => void,
  ): Promise<SmtpAnswer> {
    const recipients = to.map((one) => `RCPT TO:<${one}>\r\n`).join('');
    this.write(`MAIL FROM:<${from}>\r\n${recipients}DATA\r\n`);
    const answers: SmtpAnswer[] = [];
    for (let n = 0; n < to.length + 2; n += 1) answers.push(await this.read());
    const last = answers.at(-1);
    if (last?.code !== 354) {
      await this.say('RSET');
      return answers.find((answer) => answer.code >= 400) ?? { code: 500, text: 'no answer' };
    }
    onContent?.();
    this.write(stuffed(content));
    return this.read();
  }

  quit(): void {
    this.socket.end('QUIT\r\n');
    this.socket.setTimeout(2000, () => this.socket.destroy());
  }

  #receive(text: string): void {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      this.#line(this.#buffer.slice(0, end).replace(/\r$/, ''));
      this.#buffer = this.#buffer.slice(end + 1);
    }
  }

  #line(line: string): void {
    this.#lines.push(line.slice(4));
    if (line[3] === '-') return;
    const answer = { code: Number(line.slice(0, 3)), text: this.#lines.join('\n') };
    this.#lines = [];
    if (answer.code === 421) this.dismissed = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#answers.push(answer);
    else waiting.resolve(answer);
  }

  #lose(why: string): void {
    this.#lost ??= why;
    this.socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new SessionLost(this.#lost));
  }
}

/** Dot-stuffed and ended (RFC 5321 section 4.5.2). */
function stuffed(content: string | Buffer): Buffer {
  const text = typeof content === 'string' ? content : content.toString('latin1');
  const safe = text.replace(/^\./gm, '..');
  return Buffer.from(
    `${safe}${safe.endsWith('\r\n') ? '' : '\r\n'}.\r\n`,
    typeof content === 'string' ? 'utf8' : 'latin1',
  );
}
