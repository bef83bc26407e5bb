/**
 * What the injector says in the log of each message that it comes upon. Whoever took the message in, or finished it, may have
 * died before its own line was written: with these, the log accounts for every message all the same. A line twice is harmless.
 * Runs of several modes may be under way at a time, so none leaves to another what only it may still find.
 */
import { resumeFrame } from '../ipc/resume.ts';
import type { Logger } from '../log/logger.ts';
import type { QueueId } from '../queue/store.ts';
import type { QueuedMessage } from '../queue/queued-message.ts';

/** Lines that wait for the log at a time: a part of what the logger holds. */
const MAX_LINES = 1000;
/** How long the log is waited for, in ms; once. It may just be starting, as we are. When it does not answer, mail matters more. */
const LOG_MS = 10_000;

export class Book {
  readonly #log: Logger;
  #lines = 0;
  #patient = true;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** It is in the queue, and handed on unless it is held or finished. */
  injected(message: QueuedMessage): Promise<void> {
    const to = resumeFrame(message)?.to ?? 'nobody';
    return this.#say('injected', { id: message.id, to, where: message.where });
  }

  /** It came into the queue, and is finished or was told of elsewhere. */
  found(id: QueueId): Promise<void> {
    return this.#say('injected', { id, to: 'nobody' });
  }

  removed(id: QueueId): Promise<void> {
    return this.#say('removed', { id });
  }

  /** Resolves when the lines so far are in the log, or when that takes too long. */
  async written(): Promise<void> {
    this.#lines = 0;
    if (this.#patient) this.#patient = await this.#log.flush(LOG_MS);
  }

  async #say(event: string, fields: Record<string, unknown>): Promise<void> {
    this.#log.info(event, fields);
    this.#lines += 1;
    if (this.#lines >= MAX_LINES) await this.written();
  }
}
