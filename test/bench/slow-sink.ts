/** A next hop in this process that takes its time over each message, and notes when each numbered recipient was answered. */
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { monotonicMs, pause } from './clock.ts';
import { GREETING, SinkSession } from './sink-session.ts';

export class SlowSink implements Disposable {
  readonly #server: net.Server;
  readonly #delayMs: number;
  readonly #sockets = new Set<net.Socket>();
  readonly #arrivedAt = new Map<number, number>();
  /** Messages that it answered. */
  messages = 0;

  private constructor(delayMs: number) {
    this.#delayMs = delayMs;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(delayMs: number): Promise<SlowSink> {
    const sink = new SlowSink(delayMs);
    await new Promise<void>((resolve) => sink.#server.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** When the message to this numbered recipient was answered, by the monotonic clock; undefined: not yet. */
  arrivedAt(number: number): number | undefined {
    return this.#arrivedAt.get(number);
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    let numbers: number[] = [];
    let done = Promise.resolve();
    const session = new SinkSession((of) => void numbers.push(...of));
    socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk) => {
      const answers = session.receive(chunk);
      const arrived = numbers;
      numbers = [];
      done = done.then(() => this.#answer(socket, answers, arrived));
    });
    socket.write(GREETING);
  }

  async #answer(socket: net.Socket, answers: string, arrived: readonly number[]): Promise<void> {
    if (arrived.length > 0) await pause(this.#delayMs * arrived.length);
    this.messages += arrived.length;
    for (const number of arrived) this.#arrivedAt.set(number, monotonicMs());
    if (answers.length > 0 && !socket.destroyed) socket.write(answers, 'latin1');
  }
}
