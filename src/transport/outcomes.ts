/** Makes outcomes of verdicts, and the log lines that tell of them. */
import type { Job } from '../ipc/messages.ts';
import type { Hop, Outcome } from '../mail/outcome.ts';
import type { RecipientVerdict } from './deliverer.ts';
import { retryWait } from './retry.ts';

export interface AttemptContext {
  readonly job: Job;
  readonly hop: Hop;
  /** config.retry.times, in ms. */
  readonly times: readonly number[];
}

/** The durable form of a verdict. Reports are no attempts: they leave the count alone. */
export function toOutcome(verdict: RecipientVerdict, { job, hop, times }: AttemptContext): Outcome {
  const { state, recipients, reply, notice } = verdict;
  const attempts = hop.channel === 'bounce' ? job.attempts : job.attempts + 1;
  // One moment: the scheduler takes what lies between `at` and `until` for the time to wait.
  const at = Date.now();
  const outcome: Outcome = { state, recipients, at, attempts, reply, ...(notice && { notice }) };
  if (state !== 'deferred') return outcome;
  return { ...outcome, until: at + retryWait(times, attempts), hop };
}

/** Fields of the line `attempt`, `bounced` or `notified`, of one verdict. What is only to be told of yet was delivered all the same. */
export function logFields(id: string, verdict: RecipientVerdict, hop: Hop, ms: number): Record<string, unknown> {
  const { state, recipients, reply, report, notice } = verdict;
  const { code, status, text, remote, class: kind } = reply;
  return {
    id,
    to: recipients,
    state: state === 'succeeded' ? 'delivered' : state,
    notice,
    code,
    status,
    class: kind,
    reply: text,
    remote,
    channel: hop.channel,
    next: hop.next,
    report,
    ms,
  };
}
