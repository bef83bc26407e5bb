/**
 * The envelope of a message: who sent it, to whom, and how it came in.
 *
 * It is stored as the first line of the message's record in the queue and travels beside the handle
 * from stage to stage. It never holds content. Everything in it is plain JSON.
 */

/** Delivery status notification wishes of one recipient (RFC 3461 section 4.1 and 4.2), as given at RCPT. */
export interface RecipientDsn {
  /** NEVER, or any of SUCCESS, FAILURE, DELAY. */
  readonly notify?: readonly string[];
  /** ORCPT as `type;address`, xtext already decoded. */
  readonly orcpt?: string;
}

/** One recipient as the client named it. `address` is parsed and normalised: domain in lower case. */
export interface Recipient {
  readonly address: string;
  readonly dsn?: RecipientDsn;
}

/** Where the message came from. */
export interface Origin {
  /** How it entered: over a listener, from the sendmail command, or made by ourselves. */
  readonly via: 'smtp' | 'lmtp' | 'sendmail' | 'bounce';
  /** Client address, without port; absent for mail made on this machine. */
  readonly ip?: string;
  /** What the client called itself in EHLO, HELO or LHLO. */
  readonly helo?: string;
  /** Address of the listener. */
  readonly listener?: string;
  /** Authenticated user. */
  readonly user?: string;
}

/** By when a message is to be delivered (RFC 2852). */
export interface DeliverBy {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When it is late: R returns it, N tells the sender, once. */
  readonly mode: 'R' | 'N';
  /** The sender asked to be told of each relay; it is passed on. */
  readonly trace?: boolean;
}

export interface Envelope {
  /** Sender address, '' for the null reverse-path `<>`. */
  readonly sender: string;
  readonly recipients: readonly Recipient[];
  /** When it was accepted, milliseconds since 1970. Expiry counts from here. */
  readonly received: number;
  readonly tenant: string;
  readonly origin: Origin;
  /** ESMTP BODY parameter of MAIL (RFC 6152). */
  readonly body?: '7BIT' | '8BITMIME';
  /** SMTPUTF8 was given at MAIL (RFC 6531). */
  readonly smtputf8?: boolean;
  /**
   * The content is fit for the wire as it is: CRLF line ends, no NUL, no line that starts with a dot (RFC 5321 section 4.5.2). The
   * acceptor saw every byte, so the transport need not look again. Absent: nobody knows.
   */
  readonly plain?: boolean;
  /** RET of MAIL (RFC 3461 section 4.3). */
  readonly ret?: 'FULL' | 'HDRS';
  /** ENVID of MAIL (RFC 3461 section 4.4), xtext decoded. */
  readonly envid?: string;
  /** Not to be delivered before, milliseconds since 1970 (RFC 4865). Expiry counts from here then. */
  readonly notBefore?: number;
  readonly deliverBy?: DeliverBy;
  /** It reports, to the postmaster, that a report could not be delivered: if it fails itself, it is dropped. */
  readonly double?: boolean;
  /**
   * For a report: the message and the recipients that it reports. The commit of this record is also
   * their durable outcome: `bounced`, or for good news what `as` says.
   */
  readonly settles?: {
    readonly id: string;
    readonly recipients: readonly string[];
    readonly as?: 'delivered' | 'expanded';
  };
}

/** From when the message ages: its acceptance, or the later time at which its sender wants it to leave. */
export function agesFrom({ received, notBefore }: Pick<Envelope, 'received' | 'notBefore'>): number {
  return notBefore === undefined ? received : Math.max(received, notBefore);
}

/** The tenant of mail that belongs to nobody in particular. */
export const DEFAULT_TENANT = 'default';
