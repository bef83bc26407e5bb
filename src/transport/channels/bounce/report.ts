/** What a report is about: the facts that its parts are written from. */
import type { ReportKind } from '../../../ipc/messages.ts';
import { agesFrom, type Envelope } from '../../../mail/envelope.ts';
import type { Reply } from '../../../mail/outcome.ts';

export interface ReportedRecipient {
  readonly address: string;
  /** What it got in the end, or last. */
  readonly reply: Reply;
  /** ORCPT, as `type;address`. */
  readonly orcpt?: string | undefined;
}

export interface Report {
  readonly kind: ReportKind;
  /** Queue id of the report. */
  readonly id: string;
  readonly hostname: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long mail is tried, in ms. */
  readonly lifetime: number;
  /** Of the message that the report is about. */
  readonly envelope: Envelope;
  /** Who reads it: the sender, or where that report failed too, the postmaster. */
  readonly to: string;
  /** It is about a report of ours that failed. */
  readonly double: boolean;
  /** The sender gets the header alone because the message is larger than this, in bytes. */
  readonly cutAt?: number | undefined;
  readonly recipients: readonly ReportedRecipient[];
}

/** Until when delivery is tried, ms since 1970. */
export function triedUntil({ envelope, lifetime }: Pick<Report, 'envelope' | 'lifetime'>): number {
  const end = agesFrom(envelope) + lifetime;
  return envelope.deliverBy?.mode === 'R' ? Math.min(end, envelope.deliverBy.at) : end;
}
