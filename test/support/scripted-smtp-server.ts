/**
 * An SMTP server that says what a test tells it to, true to the protocol or not, and keeps what it heard.
 *
 * Answers are given by verb (`EHLO`, `MAIL`, …, `.` for the end of data, `greeting` for a new connection): text to send as it
 * is, with a CRLF after it; a function that makes it; null for silence; `close` and `reset` to end the connection.
 */
import net from 'node:net';

export interface Heard {
  /** From 1. */
  readonly session: number;
  readonly lines: string[];
  /** Raw bytes between 354 and the end mark, dots still doubled; the last message only. */
  data: Buffer;
  readonly socket: net.Socket;
}

export interface Act {
  /** Sent as it is, without a CRLF. */
  readonly raw?: string;
  readonly then?: 'close' | 'reset';
  /** Take what comes now as content, up to the end mark. */
  readonly takeData?: boolean;
}

type Fixed = string | null | Act;
export type ScriptedAnswer = Fixed | ((line: string, heard: Heard) => Fixed);

export interface ScriptedServer {
  readonly port: number;
  readonly sessions: readonly Heard[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const CLOSE: Act = { then: 'close' };
export const RESET: Act = { then: 'reset' };

const POLITE: Readonly<Record<string, ScriptedAnswer>> = {
  greeting: '220 scripted.test ESMTP',
  EHLO: '250-scripted.test\r\n250-PIPELINING\r\n250 8BITMIME',
  HELO: '250 scripted.test',
  LHLO: '250-scripted.test\r\n250 PIPELINING',
  MAIL: '250 2.1.0 sender ok',
  RCPT: '250 2.1.5 recipient ok',
  DATA: '354 go on',
  '.': '250 2.0.0 taken',
  RSET: '250 2.0.0 ok',
  QUIT: { raw: '221 2.0.0 bye\r\n', then: 'close' },
};

export async function startScriptedServer(
  script: Readonly<Record<string, ScriptedAnswer>> = {},
): Promise<ScriptedServer> {
  const sessions: Heard[] = [];
  const server = net.createServer((socket) => {
    const heard: Heard = { session: sessions.length + 1, lines: [], data: Buffer.alloc(0), socket };
    sessions.push(heard);
    serve(heard, { ...POLITE, ...script });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    for (const { socket } of sessions) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port } = server.address() as net.AddressInfo;
  return { port, sessions, close, [Symbol.asyncDispose]: close };
}

function serve(heard: Heard, script: Readonly<Record<string, ScriptedAnswer>>): void {
  const { socket } = heard;
  let buffer = Buffer.alloc(0);
  let inData = false;
  socket.setNoDelay(true);
  const say = (verb: string, line: string): void => {
    const answer = verb in script ? (script[verb] ?? null) : '502 5.5.1 not understood';
    const act = typeof answer === 'function' ? answer(line, heard) : answer;
    if (act === null) return;
    const { raw, then, takeData } = typeof act === 'string' ? ({ raw: `${act}\r\n` } as Act) : act;
    if (raw !== undefined) socket.write(raw);
    if (takeData === true || (verb === 'DATA' && raw?.startsWith('354') === true)) inData = true;
    if (then === 'close') socket.end();
    if (then === 'reset') socket.resetAndDestroy();
  };
  const takeContent = (): boolean => {
    const end = buffer.subarray(0, 3).equals(Buffer.from('.\r\n')) ? 0 : buffer.indexOf('\r\n.\r\n') + 2;
    if (end === 1) return false;
    heard.data = buffer.subarray(0, end);
    buffer = buffer.subarray(end + 3);
    inData = false;
    say('.', '.');
    return true;
  };
  const takeLine = (): boolean => {
    const end = buffer.indexOf('\r\n');
    if (end === -1) return false;
    const line = buffer.toString('utf8', 0, end);
    buffer = buffer.subarray(end + 2);
    heard.lines.push(line);
    say(line.split(/[ :]/)[0]?.toUpperCase() ?? '', line);
    return true;
  };
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    while (!socket.destroyed && (inData ? takeContent() : takeLine()));
  });
  socket.on('error', () => {
    // Broken connections are what it is for.
  });
  say('greeting', '');
}
