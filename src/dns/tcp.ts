/** A question by TCP, for answers that UDP cuts off: two bytes of length before each message (RFC 7766 section 8), so 64 KiB at most. */
import { connect } from 'node:net';
import { type Exchange, failed, failure, heard, type Heard, msTo } from './exchange.ts';
import { readReply } from './message.ts';

/** Never rejects. The first message must be the answer. */
export function askByTcp({ server, query, expected, until, onForeign }: Exchange): Promise<Heard> {
  const { promise, resolve } = Promise.withResolvers<Heard>();
  const chunks: Buffer[] = [];
  let length = 0;
  const socket = connect({ host: server.host, port: server.port });
  const timer = setTimeout(() => finish(failed('no answer by TCP in time')), msTo(until));
  const finish = (result: Heard): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve(result);
  };
  socket.on('connect', () => socket.write(Buffer.concat([lengthOf(query), query])));
  socket.on('error', (error) => finish(failure(error, 'TCP')));
  socket.on('close', () => finish(failed('the connection was closed before the answer')));
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length < 2) return;
    const [first = chunk] = chunks;
    if (first.length < 2) chunks.splice(0, chunks.length, Buffer.concat(chunks));
    const end = 2 + (chunks[0]?.readUInt16BE(0) ?? 0);
    if (length < end) return;
    const reply = readReply(Buffer.concat(chunks).subarray(2, end), expected);
    if (reply.kind !== 'foreign') return finish(heard(reply));
    onForeign();
    finish(failed('another question was answered'));
  });
  return promise;
}

function lengthOf(query: Buffer): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(query.length);
  return bytes;
}
