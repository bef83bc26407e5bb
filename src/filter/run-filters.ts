/**
 * Runs the named filters over one staged message, in order, until one of them refuses it: the whole verdict.
 *
 * Whatever goes wrong here is a deferral, never an acceptance: the client keeps the message. It never throws.
 */
import { Readable } from 'node:stream';
import { withDeadline } from '../base/deadline.ts';
import { errorText, oneLine } from '../base/text.ts';
import type { Check, Verdict } from '../ipc/messages.ts';
import type { Logger } from '../log/logger.ts';
import type { Handle, Store, StoredMessage } from '../queue/store.ts';
import { deferral, type Filter, type FilterVerdict } from './filter.ts';

export interface Bench {
  readonly store: Pick<Store, 'read' | 'writeReplacement'>;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly log: Pick<Logger, 'error' | 'warn'>;
  /** For the whole verdict, milliseconds. */
  readonly timeoutMs: number;
}

export type Answer = Omit<Verdict, 't' | 'n'>;

/** The verdict on a message; `signal` ends it early, when nobody waits for it any more. */
export async function runFilters(check: Check, bench: Bench, signal: AbortSignal): Promise<Answer> {
  const end = new AbortController();
  const abort = () => end.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await withDeadline(decide(check, bench, end.signal), bench.timeoutMs, 'verdict');
  } catch (error) {
    if (!signal.aborted) bench.log.error('filter-trouble', { handle: check.handle, why: oneLine(errorText(error)) });
    return deferral('4.7.0', 'Message could not be checked in time; try again later');
  } finally {
    // Ends the thread that is still at it; without effect when all is done.
    abort();
    signal.removeEventListener('abort', abort);
  }
}

async function decide(check: Check, bench: Bench, signal: AbortSignal): Promise<Answer> {
  const found = await bench.store.read(check.handle as Handle);
  if (found.kind !== 'found') {
    bench.log.error('filter-trouble', { handle: check.handle, why: `message is ${found.kind}` });
    return deferral('4.3.0', 'Message could not be read back; try again later');
  }
  let message = found.message;
  let prepend = '';
  let content: Buffer | undefined;
  for (const name of check.filters) {
    const verdict = await runOne(name, message, { bench, signal });
    if (verdict.verdict !== 'accept') return { ...verdict, by: name };
    prepend = (verdict.prepend ?? '') + prepend;
    if (verdict.content === undefined) continue;
    content = verdict.content;
    message = replaced(message, content);
  }
  // The verdict is sent only when the new content is written: half of it is never taken for the whole.
  if (content !== undefined) await bench.store.writeReplacement(check.handle as Handle, content);
  return {
    verdict: 'accept',
    ...(prepend === '' ? {} : { prepend }),
    ...(content === undefined ? {} : { replaced: true }),
  };
}

async function runOne(
  name: string,
  message: StoredMessage,
  by: { readonly bench: Bench; readonly signal: AbortSignal },
): Promise<FilterVerdict> {
  const filter = by.bench.filters.get(name);
  if (filter === undefined) {
    by.bench.log.error('filter-unknown', { id: message.id, filter: name });
    return deferral('4.3.5', 'Message could not be checked: a filter is not configured; try again later');
  }
  try {
    return await filter.check(message, by.signal);
  } catch (error) {
    if (!by.signal.aborted) {
      by.bench.log.error('filter-trouble', { id: message.id, filter: name, why: oneLine(errorText(error)) });
    }
    return deferral('4.7.0', 'Message could not be checked; try again later');
  }
}

function replaced(message: StoredMessage, bytes: Buffer): StoredMessage {
  const { id, envelope } = message;
  return { id, envelope, size: bytes.length, bytes, stream: () => Readable.from([bytes], { objectMode: false }) };
}
