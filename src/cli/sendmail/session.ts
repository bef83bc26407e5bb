/**
 * sendmail -bs: SMTP on standard input and output, spoken by the farm's own listener; this only carries bytes
 * and makes CRLF of the line ends.
 *
 * Input that ends without QUIT gets one: the listener's goodbye is how we know that it read and answered everything.
 */
import type { Socket } from 'node:net';
import { EX } from '../../base/sysexits.ts';
import type { Endpoint } from '../../client/endpoint.ts';
import { connectEndpoint } from '../../client/endpoint.ts';
import type { Context } from '../common/context.ts';
import { SessionLines } from './session-lines.ts';

const CONNECT_MS = 10_000;
/** How long nothing may come from the listener once the input has ended, in ms: as long as for the answer to a message. */
const END_MS = 660_000;
const GOODBYE = '\n221';

/** Relays until the farm ends the session. The status is 75 where it said no goodbye; without a farm the client gets a 421. */
export async function relaySession(
  context: Context,
  listener: Endpoint | undefined,
  hostname: string,
): Promise<number> {
  const connected = listener ? await connectEndpoint(listener, CONNECT_MS) : undefined;
  if (!connected?.ok) {
    await context.out.write(`421 4.3.2 ${hostname} no mail service at this moment, try again later\r\n`);
    return EX.TEMPFAIL;
  }
  const { socket } = connected;
  return new Promise((resolve) => {
    const saidGoodbye = watchForGoodbye(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(saidGoodbye() ? EX.OK : EX.TEMPFAIL));
    context.out.stream.on('error', () => socket.destroy());
    context.stdin.on('error', () => socket.destroy());
    carryInput(context.stdin.pipe(new SessionLines()), socket);
    socket.pipe(context.out.stream, { end: false });
  });
}

function carryInput(input: NodeJS.ReadableStream, socket: Socket): void {
  let tail = '\n';
  input.on(
    'data',
    (chunk: Buffer) => (tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 2))).slice(-2)),
  );
  input.on('end', () => {
    socket.setTimeout(END_MS, () => socket.destroy());
    if (!socket.writable) return;
    // Cut off behind a dot at a line's start: a line end would make it the end of a message that is not whole.
    if (tail === '\n.') socket.end();
    else socket.end(tail.endsWith('\n') ? 'QUIT\r\n' : '\r\nQUIT\r\n');
  });
  input.pipe(socket, { end: false });
}

/** True once a line of the listener began with 221. */
function watchForGoodbye(socket: Socket): () => boolean {
  let tail = '\n';
  let found = false;
  socket.on('data', (chunk: Buffer) => {
    const text = tail + chunk.toString('latin1');
    found ||= text.includes(GOODBYE);
    tail = text.slice(-GOODBYE.length);
  });
  return () => found;
}
