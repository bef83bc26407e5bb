/**
 * One mail transaction: what MAIL and RCPT have settled. It lives from an accepted MAIL to the answer after the data, to
 * RSET, to another EHLO or to the end of the session, and never longer: a refused transaction leaves nothing behind.
 */
import { DEFAULT_TENANT, type DeliverBy, type Envelope, type Origin, type Recipient } from '../mail/envelope.ts';
import type { DeliverByWish } from './deliver-by.ts';
import type { Hold } from './future-release.ts';

export interface Transaction {
  /** '' for the null sender. */
  readonly sender: string;
  /** Undefined when the header of its message has to say it. */
  readonly tenant: string | undefined;
  readonly smtputf8: boolean;
  readonly body?: '7BIT' | '8BITMIME';
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  /** Not to be delivered before. */
  readonly hold?: Hold;
  readonly deliverBy?: DeliverByWish;
  /** By identity: a recipient that is named twice gets one copy, whatever the case of its letters. */
  readonly recipients: Map<string, Recipient>;
  /** Bytes of the recipients as JSON, which is what the queue makes of them. */
  bytes: number;
  /** RCPT commands answered 250: LMTP owes that many answers after the data (RFC 2033 section 4.2). */
  accepted: number;
}

/** The envelope as it is stored; `received` in milliseconds since 1970. */
export function envelopeOf(transaction: Transaction, origin: Origin, received: number): Envelope {
  const { sender, tenant, smtputf8, body, ret, envid, hold, deliverBy, recipients } = transaction;
  const notBefore = hold && ('holdFor' in hold ? received + hold.holdFor : hold.holdUntil);
  return {
    sender,
    recipients: [...recipients.values()],
    received,
    tenant: tenant ?? DEFAULT_TENANT,
    origin,
    ...(body !== undefined && { body }),
    ...(smtputf8 && { smtputf8 }),
    ...(ret !== undefined && { ret }),
    ...(envid !== undefined && { envid }),
    ...(notBefore !== undefined && { notBefore }),
    ...(deliverBy !== undefined && { deliverBy: timeOf(deliverBy, notBefore ?? received) }),
  };
}

/** Of a message that is held, the time begins with its release. */
function timeOf({ seconds, ...how }: DeliverByWish, begin: number): DeliverBy {
  return { at: begin + seconds * 1000, ...how };
}
