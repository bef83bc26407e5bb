/**
 * sendmail -bs: SMTP on standard input and output, spoken by the farm's own listener; this only carries bytes.
 */
import { EX } from '../../base/sysexits.ts';
import type { Endpoint } from '../../client/endpoint.ts';
import { connectEndpoint } from '../../client/endpoint.ts';
import type { Context } from '../common/context.ts';

const CONNECT_MS = 10_000;

/** Relays until the farm ends the session. Without a farm the client gets a 421, and the status is 75. */
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
  let broken = false;
  return new Promise((resolve) => {
    socket.on('error', () => {
      broken = true;
    });
    socket.on('close', () => resolve(broken ? EX.TEMPFAIL : EX.OK));
    context.out.stream.on('error', () => socket.destroy());
    context.stdin.on('error', () => socket.destroy());
    context.stdin.pipe(socket);
    socket.pipe(context.out.stream, { end: false });
  });
}
