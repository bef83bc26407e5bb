/**
 * Which deliveries are to be told to the sender (RFC 3461 section 4.1, NOTIFY=SUCCESS). Their outcome is `succeeded` instead of
 * `delivered`: nothing more is tried, and the message stays in the queue until its report is there.
 */
import type { Envelope } from '../mail/envelope.ts';
import type { Notice } from '../mail/outcome.ts';
import type { RecipientVerdict } from './deliverer.ts';

/**
 * The verdicts with those deliveries told apart that were asked for. `notice`: what became of them here; undefined where the next hop
 * got the wish, and tells of it itself. Nobody is told of what an alias put in: the alias was told of.
 */
export function owingSuccess(
  verdicts: readonly RecipientVerdict[],
  { sender, recipients }: Envelope,
  notice: Notice | undefined,
): readonly RecipientVerdict[] {
  if (notice === undefined || sender === '') return verdicts;
  if (!recipients.some(({ dsn }) => dsn?.notify?.includes('SUCCESS') === true)) return verdicts;
  const wanted = new Set(
    recipients.flatMap(({ address, dsn }) => (dsn?.notify?.includes('SUCCESS') === true ? [address] : [])),
  );
  return verdicts.flatMap((verdict): RecipientVerdict[] => {
    if (verdict.state !== 'delivered') return [verdict];
    const told = verdict.recipients.filter((address) => wanted.has(address));
    const others = verdict.recipients.filter((address) => !wanted.has(address));
    return [
      ...(others.length > 0 ? [{ ...verdict, recipients: others }] : []),
      ...(told.length > 0 ? [{ ...verdict, state: 'succeeded' as const, recipients: told, notice }] : []),
    ];
  });
}
