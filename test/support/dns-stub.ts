/**
 * A DNS server for tests, over UDP and TCP: answers from a table (dns-zone.ts); everything that is not in it is NXDOMAIN.
 *
 * Answers that are longer than the client takes by UDP are cut off there, and whole by TCP. The table is looked at for each question: a
 * test may change it.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { readQuery, response, TRUNCATED, type Query } from './dns-wire.ts';
import { answerFrom, type Table } from './dns-zone.ts';

export type { Records } from './dns-zone.ts';

export interface DnsStub {
  /** As in `smtp.resolvers`. */
  readonly address: string;
  readonly queries: Query[];
  /** Questions asked, as `MX example.org`. */
  readonly asked: string[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Without EDNS. */
const UDP_SIZE = 512;

export async function startDnsStub(table: Table): Promise<DnsStub> {
  const queries: Query[] = [];
  const asked: string[] = [];
  const late = new Set<NodeJS.Timeout>();
  const serve = (query: Query, send: (bytes: Buffer) => void): void => {
    queries.push(query);
    asked.push(`${query.type} ${query.name}`);
    const delay = Object.hasOwn(table, query.name) ? table[query.name]?.delay : undefined;
    const answer = (): void => answerFrom(table, query).forEach(send);
    if (delay === undefined) return answer();
    const timer = setTimeout(() => {
      late.delete(timer);
      answer();
    }, delay);
    late.add(timer);
  };
  const sockets = new Set<net.Socket>();
  const { udp, tcp, port } = await openBoth((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)));
    serveTcp(socket, serve);
  });
  udp.on('message', (bytes, from) => {
    const query = readQuery(bytes, 'udp', from.port);
    serve(query, (whole) => {
      const fits = whole.length <= Math.max(query.size ?? UDP_SIZE, UDP_SIZE);
      udp.send(fits ? whole : response(query, { flags: TRUNCATED }), from.port, from.address);
    });
  });
  const close = async (): Promise<void> => {
    for (const timer of late) clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => udp.close(() => resolve())),
      new Promise<void>((resolve) => tcp.close(() => resolve())),
    ]);
  };
  return { address: `127.0.0.1:${port}`, queries, asked, close, [Symbol.asyncDispose]: close };
}

function serveTcp(socket: net.Socket, serve: (query: Query, send: (bytes: Buffer) => void) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const bytes = pending.subarray(2, 2 + pending.readUInt16BE(0));
      pending = pending.subarray(2 + bytes.length);
      serve(readQuery(bytes, 'tcp', socket.remotePort ?? 0), (whole) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(whole.length);
        socket.write(Buffer.concat([length, whole]));
      });
    }
  });
}

/** One port for both; another process may have the one of them that is chosen second. */
async function openBoth(
  onSocket: (socket: net.Socket) => void,
): Promise<{ readonly udp: dgram.Socket; readonly tcp: net.Server; readonly port: number }> {
  for (let tries = 1; ; tries += 1) {
    const udp = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
    const { port } = udp.address();
    const tcp = net.createServer(onSocket);
    const error = await new Promise<Error | undefined>((resolve) => {
      tcp.once('error', resolve).listen(port, '127.0.0.1', () => resolve(undefined));
    });
    if (error === undefined) return { udp, tcp, port };
    udp.close();
    if (tries === 20) throw error;
  }
}
