/** The next hop of a drill: a small SMTP server on a loopback port that reads the mark of each message. */
import { createServer, type Socket } from 'node:net';
import { readMark, type Mark } from './message.ts';
import { SINK_GREETING, SinkSession } from './sink-session.ts';

export interface DrillSink {
  readonly port: number;
  close(): void;
}

const MAX_CONNECTIONS = 200;
/** A session that says nothing for so long is given up; transports end theirs much earlier. */
const SILENCE_MS = 10 * 60_000;
/** Above the body: header fields that were added on the way. */
const HEAD_ROOM = 128 * 1024;

/** `onMessage` gets undefined for a message without a mark, which is none of a drill. */
export function startDrillSink(size: number, onMessage: (mark: Mark | undefined) => void): Promise<DrillSink> {
  const sockets = new Set<Socket>();
  const most = 2 * size + HEAD_ROOM;
  const server = createServer({ noDelay: true }, (socket) => {
    const session = new SinkSession({ most, onMessage: (content) => onMessage(readMark(content)) });
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Workers are killed: broken connections are what this is for.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      const answers = session.receive(chunk);
      if (session.ended) socket.end(answers);
      else if (answers !== '') socket.write(answers);
    });
    socket.write(SINK_GREETING);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address !== 'object' || address === null) return reject(new Error('no port for the sink'));
      return resolve({
        port: address.port,
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}
