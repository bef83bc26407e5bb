/** What a report is about: the facts that its parts are written from. */
import type { Envelope } from '../../../mail/envelope.ts';
import type { Reply } from '../../../mail/outcome.ts';

export interface ReportedRecipient {
  readonly address: string;
  /** What it got in the end, or last. */
  readonly reply: Reply;
  /** ORCPT, as `type;address`. */
  readonly orcpt?: string | undefined;
}

export interface Report {
  readonly kind: 'failed' | 'delayed';
  /** Queue id of the report. */
  readonly id: string;
  readonly hostname: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How long mail is tried, in ms. */
  readonly lifetime: number;
  /** Of the message that the report is about. */
  readonly envelope: Envelope;
  readonly recipients: readonly ReportedRecipient[];
}
