/**
 * Who reads a report, and of which recipients.
 *
 * Nobody answers mail from <>, so no report goes back to where it came from. But a report of a failure that fails itself was the last
 * that anybody would have heard of a message: it is told to the address of `bounce.double`, once. A report to that address carries a
 * mark (Envelope.double), and what carries it is dropped when it fails: so no chain of reports is longer than two, wherever they lead.
 * Warnings and good news that fail are dropped: the message itself is on its way still, or arrived.
 */
import type { Envelope } from '../../../mail/envelope.ts';
import type { Report } from './report.ts';

/** Undefined when nobody is to be told. `double` is the address for reports of failures that fail. */
export function readerOf(
  envelope: Envelope,
  kind: Report['kind'],
  double: string | undefined,
): Pick<Report, 'to' | 'double'> | undefined {
  if (envelope.sender !== '') return { to: envelope.sender, double: false };
  if (kind !== 'failed' || double === undefined || envelope.double === true || !tellsFailure(envelope))
    return undefined;
  return { to: double, double: true };
}

/** Whether it is a report of ours that settles a failure: a warning settles nothing, and good news says as what. */
export function tellsFailure({ origin, settles }: Envelope): boolean {
  return origin.via === 'bounce' && settles !== undefined && settles.as === undefined;
}

/**
 * RFC 3461 section 4.1: without NOTIFY, failures and delays are told, and good news is not. Which alias put in an address that the
 * envelope does not name is not kept: of its trouble the sender is told unless none of the message's recipients asks for it.
 */
export function owing({ recipients, deliverBy }: Envelope, kind: Report['kind']): (address: string) => boolean {
  const word = kind === 'failed' ? 'FAILURE' : kind === 'delayed' ? 'DELAY' : 'SUCCESS';
  const trouble = word !== 'SUCCESS';
  // Who asks to be told when a message is late asks for that also without DELAY (RFC 2852 section 4.1.4).
  const isOwed = (notify: readonly string[]): boolean =>
    kind === 'delayed' && deliverBy?.mode === 'N' ? !notify.includes('NEVER') : notify.includes(word);
  const owed = new Map(recipients.map(({ address, dsn }) => [address, dsn?.notify ? isOwed(dsn.notify) : trouble]));
  const others = trouble && [...owed.values()].includes(true);
  return (address) => owed.get(address) ?? others;
}

/** For `bounce.double`: undefined when such reports are dropped, or no domain is ours whose postmaster could take them. */
export function doubleAddress(wanted: string, hostname: string, local: readonly string[]): string | undefined {
  if (wanted === 'drop') return undefined;
  if (wanted !== 'postmaster') return wanted;
  // Every local domain has a postmaster (RFC 5321 section 4.5.1).
  const domain = local.includes(hostname) ? hostname : local[0];
  return domain === undefined ? undefined : `postmaster@${domain}`;
}
