/**
 * The threads that read MIME structures. None runs while nothing is to do; one that overruns its time or its memory is
 * ended, and the next message gets a new one. Messages go in whole when they are in memory, else chunk by chunk.
 */
import path from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { StoredMessage } from '../queue/store.ts';
import type { Structure, StructureLimits } from './scan-structure.ts';

/** How long a thread without work is kept, milliseconds. */
const IDLE_MS = 10_000;

/** Of one thread, MiB: a message's bytes are not counted, what is made of them is. */
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

export interface StructurePoolOptions {
  readonly threads: number;
  /** Module that holds scanWhole and scanStream; for tests that need one that hangs or dies. */
  readonly module?: string;
}

export class StructurePool {
  readonly #pool: Piscina;

  constructor(options: StructurePoolOptions) {
    this.#pool = new Piscina({
      filename: options.module ?? threadModule(),
      minThreads: 0,
      maxThreads: Math.max(1, options.threads),
      idleTimeout: IDLE_MS,
      resourceLimits: MEMORY,
    });
    // A thread that dies between two messages is replaced when one comes; its task's own error is given to the caller.
    this.#pool.on('error', () => undefined);
  }

  get threads(): number {
    return this.#pool.threads.length;
  }

  /** Rejects when the signal is given (the thread is ended then), or when the thread died. */
  async scan(message: StoredMessage, limits: StructureLimits, signal: AbortSignal): Promise<Structure> {
    if (message.bytes !== undefined) return this.#scanWhole(message.bytes, limits, signal);
    const { port1, port2 } = new MessageChannel();
    try {
      const task = this.#run('scanStream', { limits, port: port2 }, { signal, moved: port2 });
      // When the thread dies the feeder waits for an answer that never comes: the port's end wakes it.
      task.catch(() => port1.close());
      await Promise.race([feed(message, port1, signal), task]);
      return await task;
    } finally {
      port1.close();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #scanWhole(content: Buffer, limits: StructureLimits, signal: AbortSignal): Promise<Structure> {
    // A copy of its own, which is moved: the buffer may be a view of a larger one.
    const bytes = new Uint8Array(content);
    return this.#run('scanWhole', { limits, bytes }, { signal, moved: bytes.buffer });
  }

  async #run(
    name: string,
    task: object,
    options: { readonly signal: AbortSignal; readonly moved: ArrayBuffer | MessagePort },
  ): Promise<Structure> {
    return (await this.#pool.run(task, {
      name,
      signal: options.signal,
      transferList: [options.moved],
    })) as Structure;
  }
}

/** The thread's module beside this one, as source or as built. */
function threadModule(): string {
  return path.join(import.meta.dirname, `structure-thread${path.extname(import.meta.filename)}`);
}

/** Sends the content over the port, until its end or until the thread wants no more. */
async function feed(message: StoredMessage, port: MessagePort, signal: AbortSignal): Promise<void> {
  const stream = message.stream();
  const stop = () => stream.destroy(new Error('stopped'));
  signal.addEventListener('abort', stop, { once: true });
  port.once('close', stop);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const bytes = new Uint8Array(chunk);
      port.postMessage(bytes, [bytes.buffer]);
      if (!(await answer(port))) break;
    }
    port.postMessage(null);
  } finally {
    signal.removeEventListener('abort', stop);
    stream.destroy();
  }
}

/** The thread's answer to a chunk; false also when the port ends. */
function answer(port: MessagePort): Promise<boolean> {
  return new Promise((resolve) => {
    const onMessage = (more: boolean) => end(more);
    const onClose = () => end(false);
    const end = (more: boolean) => {
      port.off('message', onMessage);
      port.off('close', onClose);
      resolve(more);
    };
    port.on('message', onMessage);
    port.on('close', onClose);
  });
}
