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
  /** Tell. */
  | { readonly order: 'count' };

export type SinkReport =
  | { readonly report: 'listening'; readonly port: number }
  | {
      readonly report: 'counted';
      readonly messages: number;
      /** Messages with different numbers. */
      readonly distinct: number;
      /** When the last one was there. */
      readonly lastAt: number;
      /** User and system time of this process since its start. */
      readonly cpuMs: number;
    };

let messages = 0;
let lastAt = 0;
let numbers = new Set<number>();

const server = net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => tell({ report: 'listening', port: (server.address() as AddressInfo).port }));

process.on('disconnect', () => process.exit(0));
process.on('message', (order: SinkOrder) => {
  if (order.order === 'count') return tellCount();
  messages = 0;
  numbers = new Set();
});

function serve(socket: net.Socket): void {
  const session = new SinkSession(count);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    const answers = session.receive(chunk);
    if (answers.length > 0) socket.write(answers, 'latin1');
    if (session.quit) socket.end();
  });
  socket.write(GREETING);
}

function count(number: number): void {
  messages += 1;
  numbers.add(number);
  lastAt = monotonicMs();
}

function tellCount(): void {
  const { user, system } = process.cpuUsage();
  tell({ report: 'counted', messages, distinct: numbers.size, lastAt, cpuMs: (user + system) / 1000 });
}

function tell(report: SinkReport): void {
  // A parent that is gone needs no report; `disconnect` ends us.
  if (process.connected) process.send?.(report, undefined, {}, () => {});
}
