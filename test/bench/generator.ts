/**
 * The load generator: a process that sends a number of messages over parallel sessions and counts every 250.
 *
 * Driven by its parent over the IPC channel: one plan, one report, then it ends; it also ends when the channel closes
 * and, whatever the server does, at its deadline. All sessions are open before the clock starts.
 */
import { monotonicMs } from './clock.ts';
import { makeContents } from './content.ts';
import { LoadSession } from './load-session.ts';

export interface LoadPlan {
  readonly port: number;
  readonly sessions: number;
  readonly messages: number;
  /** Bytes of one message. */
  readonly size: number;
  /** Of the recipients, which are numbered then: `17r@DOMAIN`. Without it there is one recipient for all messages. */
  readonly domain?: string;
  /** For all of it, in milliseconds. */
  readonly deadlineMs: number;
}

export interface LoadReport {
  readonly accepted: number;
  /** What ended sessions before their time: the first few texts. */
  readonly failures: readonly string[];
  /** By the monotonic clock, milliseconds. */
  readonly startedAt: number;
  readonly lastAt: number;
  /** User and system time of this process. */
  readonly cpuMs: number;
}

const MAX_FAILURES = 5;

process.on('disconnect', () => process.exit(0));
process.once('message', (plan: LoadPlan) => {
  void run(plan).then((report) => process.send?.(report, undefined, {}, () => process.disconnect()));
});

async function run(plan: LoadPlan): Promise<LoadReport> {
  const sessions = Array.from({ length: plan.sessions }, () => new LoadSession(plan.port));
  const timer = setTimeout(() => {
    for (const session of sessions) session.abort(`not within ${plan.deadlineMs} ms`);
  }, plan.deadlineMs);
  const opened = await Promise.allSettled(sessions.map((session) => session.opened));
  const startedAt = monotonicMs();
  const source = makeSource(plan);
  const ends = await Promise.all(sessions.map((session) => session.send(source)));
  clearTimeout(timer);
  const { user, system } = process.cpuUsage();
  const failures = ends.filter((end) => end !== undefined);
  const unopened = opened.filter((result) => result.status === 'rejected').length;
  if (unopened > 0) failures.unshift(`${unopened} of ${plan.sessions} sessions could not be opened`);
  return {
    accepted: source.count,
    failures: failures.slice(0, MAX_FAILURES),
    startedAt,
    lastAt: source.lastAt,
    cpuMs: (user + system) / 1000,
  };
}

function makeSource(plan: LoadPlan) {
  const makeContent = makeContents(plan.size);
  const makeEnvelope = makeEnvelopes(plan.domain);
  let sent = 0;
  const next = (number: number) => ({ envelope: makeEnvelope(number), content: makeContent(number) });
  const source = {
    count: 0,
    lastAt: monotonicMs(),
    next: () => (sent < plan.messages ? next(sent++) : undefined),
    accepted: () => {
      source.count += 1;
      source.lastAt = monotonicMs();
    },
  };
  return source;
}

function makeEnvelopes(domain: string | undefined): (number: number) => Buffer {
  const around = (recipient: string): Buffer =>
    Buffer.from(`MAIL FROM:<sender@bench.example>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
  const fixed = around('recipient@bench.example');
  return domain === undefined ? () => fixed : (number) => around(`${number}r@${domain}`);
}
