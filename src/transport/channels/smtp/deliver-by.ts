/** DELIVERBY towards a next hop (RFC 2852 section 4.1.4): the time that is left goes along, or the message is not given to it. */
import type { DeliverBy } from '../../../mail/envelope.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { reply } from '../../replies.ts';

/** What of a session matters here. */
export interface SessionFacts {
  readonly remote: string;
  readonly lmtp: boolean;
  /** The least time of mode R that it takes, in seconds; undefined: it knows of no such times. */
  readonly deliverByLeast: number | undefined;
}

/** The parameter of MAIL, with the whole seconds that are left; `now` in ms since 1970. */
export function deliverByParameter({ at, mode, trace }: DeliverBy, now: number): string {
  const left = Math.floor((at - now) / 1000);
  const seconds = mode === 'R' ? Math.max(1, left) : left;
  return `BY=${Math.min(Math.max(seconds, -999_999_999), 999_999_999)};${mode}${trace === true ? 'T' : ''}`;
}

/**
 * Why a message that is to be returned when it is late may not be given to this hop: it would keep it beyond the time. By LMTP a
 * message is delivered, or not, at this moment.
 */
export function whyNotInTime(deliverBy: DeliverBy | undefined, hop: SessionFacts, now: number): Reply | undefined {
  if (deliverBy?.mode !== 'R' || hop.lmtp) return undefined;
  const { remote, deliverByLeast: least } = hop;
  const left = Math.floor((deliverBy.at - now) / 1000);
  const late = (text: string): Reply => reply({ code: 554, status: '5.4.7', text, remote });
  if (least === undefined)
    return late(
      'the next hop does not know of delivery times (DELIVERBY), and this message is to be returned when late',
    );
  if (left <= 0) return late('the message could not be delivered in time');
  return left < least
    ? late(`${left} seconds are left to deliver the message, and the next hop asks for ${least}`)
    : undefined;
}
