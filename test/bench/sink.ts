/**
 * The sink: a process that plays the next hop and counts what it gets, how often and which.
 *
 * Driven by its parent over the IPC channel; it ends when that closes. Times are of the monotonic clock that all
 * processes of one machine share, in milliseconds.
 */
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { monotonicMs } from './clock.ts';
import { GREETING, SinkSession } from './sink-session.ts';

export type SinkOrder =
  /** Forget what was counted; not answered. */
  | { readonly order: 'forget' }
  /** From now on answer 451 to all recipients, or to none; not answered. */
  | { readonly order: 'refuse'; readonly refuse: boolean }
  /** Tell. */
  | { readonly order: 'count' };

export type SinkReport =
  | { readonly report: 'listening'; readonly port: number }
  | {
      readonly report: 'counted';
      /** A message to several numbered recipients counts once for each of them. */
      readonly messages: number;
      /** Messages with different numbers. */
      readonly distinct: number;
      /** Recipients with different numbers that were refused. */
      readonly refused: number;
      /** When the first and the last one were there. */
      readonly firstAt: number;
      readonly lastAt: number;
      /** User and system time of this process since its start. */
      readonly cpuMs: number;
    };

let messages = 0;
let firstAt = 0;
let lastAt = 0;
let refuse = false;
let numbers = new Set<number>();
let refusedNumbers = new Set<number>();

const server = net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => tell({ report: 'listening', port: (server.address() as AddressInfo).port }));

process.on('disconnect', () => process.exit(0));
process.on('message', (order: SinkOrder) => {
  if (order.order === 'count') return tellCount();
  if (order.order === 'refuse') {
    refuse = order.refuse;
    return;
  }
  messages = 0;
  firstAt = 0;
  numbers = new Set();
  refusedNumbers = new Set();
});

function serve(socket: net.Socket): void {
  const session = new SinkSession(count, refuses);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    const answers = session.receive(chunk);
    if (answers.length > 0) socket.write(answers, 'latin1');
    if (session.quit) socket.end();
  });
  socket.write(GREETING);
}

function count(of: readonly number[]): void {
  messages += of.length;
  for (const number of of) numbers.add(number);
  lastAt = monotonicMs();
  if (firstAt === 0) firstAt = lastAt;
}

function refuses(number: number): boolean {
  if (refuse) refusedNumbers.add(number);
  return refuse;
}

function tellCount(): void {
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1000;
  const refused = refusedNumbers.size;
  tell({ report: 'counted', messages, distinct: numbers.size, refused, firstAt, lastAt, cpuMs });
}

function tell(report: SinkReport): void {
  // A parent that is gone needs no report; `disconnect` ends us.
  if (process.connected) process.send?.(report, undefined, {}, () => {});
}
