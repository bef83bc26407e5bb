/** A report is also the outcome of what it reports, should its maker have died before it recorded that. */
import type { Envelope } from '../mail/envelope.ts';
import type { Outcome } from '../mail/outcome.ts';

/** Undefined for what is no report, or one that settles nothing. `id` is the message that it speaks of. */
export function settledBy({
  settles,
  received,
}: Envelope): { readonly id: string; readonly outcome: Outcome } | undefined {
  if (settles === undefined) return undefined;
  const { id, recipients, as: state = 'bounced' } = settles;
  return { id, outcome: { state, recipients, at: received } };
}
