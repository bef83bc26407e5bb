/**
 * Answers as long as they hold, by name and type. Bounded by their number and by their bytes; the oldest go first.
 *
 * It decides nothing: how long an answer holds, it says itself.
 */
import type { Answer } from './answer.ts';

export interface CacheLimits {
  readonly entries: number;
  /** Of all entries, and of the largest that is kept; estimated. */
  readonly bytes: number;
  readonly entryBytes: number;
}

const CACHE_LIMITS: CacheLimits = { entries: 20_000, bytes: 16 * 1024 * 1024, entryBytes: 64 * 1024 };

/** What an entry costs apart from its texts. */
const ENTRY = 200;
const VALUE = 50;

interface Entry {
  readonly answer: Answer<unknown>;
  readonly bytes: number;
}

export class AnswerCache {
  readonly #limits: CacheLimits;
  readonly #ticks: () => number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(ticks: () => number, limits: Partial<CacheLimits> = {}) {
    this.#ticks = ticks;
    this.#limits = { ...CACHE_LIMITS, ...limits };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined where none is known, or no longer. */
  get(key: string): Answer<unknown> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.answer.expires > this.#ticks()) return entry.answer;
    this.#delete(key, entry);
    return undefined;
  }

  /** Keeps an answer that holds for any time and is not too large. */
  set(key: string, answer: Answer<unknown>): void {
    const known = this.#entries.get(key);
    if (known !== undefined) this.#delete(key, known);
    const bytes = sizeOf(key, answer);
    if (answer.expires <= this.#ticks() || bytes > this.#limits.entryBytes) return;
    this.#entries.set(key, { answer, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return;
      this.#delete(oldest, entry);
    }
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function sizeOf(key: string, answer: Answer<unknown>): number {
  const own = ENTRY + 2 * key.length;
  if (answer.kind !== 'found') return own;
  return answer.value.reduce<number>((sum, value) => sum + VALUE + contentBytes(value), own);
}

function contentBytes(value: unknown): number {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, one) => sum + contentBytes(one), 0);
}
