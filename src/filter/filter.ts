/**
 * What a content filter is: it reads one staged message and says what shall become of it. Kinds are listed in registry.ts.
 *
 * A filter never answers an SMTP client and never touches the queue. Trouble of its own it may throw: the caller
 * makes a deferral of it. It must heed the signal: what goes on after it costs the next message its time.
 */
import type { StoredMessage } from '../queue/store.ts';
import type { Reply } from '../mail/outcome.ts';

export type FilterVerdict =
  | {
      readonly verdict: 'accept';
      /** Header lines to put on top, each ended by CRLF. */
      readonly prepend?: string;
      /** Content that stands in place of the message's from here on. */
      readonly content?: Buffer;
    }
  /** Quarantine: accepted, kept, and held back; the reply says why. */
  | { readonly verdict: 'reject' | 'defer' | 'quarantine'; readonly reply: Reply };

export interface Filter {
  /** As in the configuration. */
  readonly name: string;
  check(message: StoredMessage, signal: AbortSignal): Promise<FilterVerdict>;
}

/** A deferral in our own words; the client keeps the message and tries again. */
export function deferral(status: string, text: string): FilterVerdict & { readonly reply: Reply } {
  return { verdict: 'defer', reply: { code: 451, status, text } };
}
