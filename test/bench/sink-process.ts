/** The sink as its parent sees it: a process that is told and asked. */
import { Child } from './child.ts';
import { monotonicMs, pause } from './clock.ts';
import type { SinkOrder, SinkReport } from './sink.ts';

export type SinkCount = Extract<SinkReport, { report: 'counted' }>;

const START_MS = 60_000;
const ANSWER_MS = 10_000;
const COUNT_EVERY_MS = 100;

export async function startSink(): Promise<Sink> {
  const child = new Child('sink.ts');
  const { port } = (await child.ask(undefined, START_MS)) as Extract<SinkReport, { report: 'listening' }>;
  return new Sink(child, port);
}

export class Sink implements Disposable {
  readonly port: number;
  readonly #child: Child;

  constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  async count(): Promise<SinkCount> {
    return (await this.#child.ask({ order: 'count' } satisfies SinkOrder, ANSWER_MS)) as SinkCount;
  }

  forget(): Promise<void> {
    return this.#child.tell({ order: 'forget' } satisfies SinkOrder);
  }

  refuse(refuse: boolean): Promise<void> {
    return this.#child.tell({ order: 'refuse', refuse } satisfies SinkOrder);
  }

  /** Waits until it has so many, or it is late. It notes the times itself: asking now and then is precise enough. */
  async untilArrived(messages: number, until: number): Promise<void> {
    while (monotonicMs() < until && (await this.count()).messages < messages) await pause(COUNT_EVERY_MS);
  }

  /** Waits until it refused so many, or it is late. */
  async untilRefused(messages: number, until: number): Promise<void> {
    while (monotonicMs() < until && (await this.count()).refused < messages) await pause(COUNT_EVERY_MS);
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}
