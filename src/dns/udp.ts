/**
 * A question by UDP, from a socket of its own: so its port is new and random each time, and who forges an answer has to guess
 * port and id together (RFC 5452). The socket is connected, and the kernel drops what comes from elsewhere.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Exchange, failed, failure, heard, type Heard, msTo } from './exchange.ts';
import { readReply } from './message.ts';

/** Never rejects. Packets that do not answer the question are counted and waited past. */
export function askByUdp({ server, query, expected, until, onForeign }: Exchange): Promise<Heard> {
  const { promise, resolve } = Promise.withResolvers<Heard>();
  let socket: Socket;
  try {
    socket = openSocket(server.host);
  } catch (error) {
    return Promise.resolve(failure(error, 'UDP'));
  }
  const timer = setTimeout(() => finish(failed('no answer in time')), msTo(until));
  const finish = (result: Heard): void => {
    clearTimeout(timer);
    socket.off('message', onMessage).off('error', onError);
    socket.on('error', ignore);
    close(socket);
    resolve(result);
  };
  const onError = (error: Error): void => finish(failure(error, 'UDP'));
  const onMessage = (bytes: Buffer): void => {
    const reply = readReply(bytes, expected);
    if (reply.kind === 'foreign') onForeign();
    else finish(heard(reply));
  };
  // As a listener: a callback of connect() would get the errors that are handled here.
  socket
    .on('message', onMessage)
    .on('error', onError)
    .on('connect', () => socket.send(query));
  try {
    socket.connect(server.port, server.host);
  } catch (error) {
    finish(failure(error, 'UDP'));
  }
  return promise;
}

/** Servers are addresses: nothing is looked up, not even by a thread that would only give the address back. */
function openSocket(host: string): Socket {
  const type = isIPv6(host) ? 'udp6' : 'udp4';
  return createSocket({
    type,
    lookup: (address, _options, callback) => callback(null, address, type === 'udp6' ? 6 : 4),
  });
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It failed before it was open.
  }
}

function ignore(): void {
  // A socket that is given up may still fail.
}
