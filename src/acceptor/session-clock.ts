/**
 * Looks at all sessions of a worker once a second and ends those that are past a time limit. One timer for all, and none
 * while there is no session: an idle acceptor sleeps.
 */
import type { Refusal } from './replies.ts';

export interface TimedSession {
  judgeTime(now: number): Refusal | undefined;
  expire(refusal: Refusal): void;
}

const EVERY_MS = 1000;

export class SessionClock {
  readonly #sessions = new Set<TimedSession>();
  #timer: NodeJS.Timeout | undefined;

  add(session: TimedSession): void {
    this.#sessions.add(session);
    this.#timer ??= setInterval(() => this.#look(), EVERY_MS).unref();
  }

  delete(session: TimedSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    for (const session of this.#sessions) {
      const refused = session.judgeTime(now);
      if (refused !== undefined) session.expire(refused);
    }
  }
}
