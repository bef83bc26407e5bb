/**
 * What follows from a worker's report: which recipients are finished, which come back and when, which are owed a bounce or a
 * warning. Pure: a report and the clock in, follow-up parts out.
 */
import type { Done, Failure, ReportKind } from '../ipc/messages.ts';
import type { Hop, Outcome, Reply } from '../mail/outcome.ts';
import { isEnd, type End } from './books.ts';
import { deadlineOf } from './deliver-by.ts';
import type { PartFacts, WorkPart } from './work.ts';

export interface RetryRules {
  /** Milliseconds after which a message is given up, and a bounce. */
  readonly lifetime: number;
  readonly bounceLifetime: number;
  /** Milliseconds after which the sender is warned once; 0 for never. */
  readonly warnAfter: number;
}

export interface FollowUp {
  readonly facts: PartFacts;
  /** Milliseconds before which it does not come back; 0 for at once. */
  readonly wait: number;
}

export interface Fate {
  readonly followUps: readonly FollowUp[];
  /** Some recipients are held now: the message stays when the rest is finished. */
  readonly held: boolean;
  /** Recipients that the report says nothing of. */
  readonly untold: readonly string[];
  /** Recipients that are done with, by how. */
  readonly ended: Readonly<Partial<Record<End, number>>>;
  /** The next hop did its work: its bin's trouble, if it had any, is over. */
  readonly well: boolean;
}

const BOUNCE: Hop = { channel: 'bounce', next: '' };
/** When a worker leaves recipients out of its report they are tried again after this time. */
const UNTOLD_MS = 60_000;

/** When the part's message is given up. */
export function expiresAt(part: Pick<WorkPart, 'message'>, rules: RetryRules): number {
  const { sender, received, by } = part.message.facts;
  const least = received + (sender === '' ? rules.bounceLifetime : rules.lifetime);
  return by?.mode === 'R' ? Math.min(least, by.at) : least;
}

export function decideFate(
  part: WorkPart,
  done: Pick<Done, 'outcomes' | 'trouble'>,
  at: { rules: RetryRules; now: number },
): Fate {
  const { rules, now } = at;
  const open = new Set(part.to);
  const failures: Failure[] = [];
  const followUps: FollowUp[] = [];
  let notices: Outcome[] | undefined;
  let held = false;
  const ended: Partial<Record<End, number>> = {};
  for (const outcome of done.outcomes) {
    const to = outcome.recipients.filter((address) => open.delete(address));
    if (to.length === 0) continue;
    if (isEnd(outcome.state)) ended[outcome.state] = (ended[outcome.state] ?? 0) + to.length;
    if (outcome.state === 'held') held = true;
    if (outcome.state === 'failed') failures.push({ to, reply: outcome.reply ?? UNKNOWN });
    if (outcome.state === 'succeeded') (notices ??= []).push({ ...outcome, recipients: to });
    if (outcome.state !== 'deferred') continue;
    const deferred = deferredFacts(part, outcome, to);
    // A report that could not be written is tried for as long as it takes: nobody else would tell the sender.
    const expired = part.hop.channel !== 'bounce' && now >= expiresAt(part, rules);
    if (expired) failures.push({ to, reply: expiredReply(outcome.reply) });
    else {
      followUps.push(...withWarning(part, deferred, { rules, now, wait: waitOf(outcome) }));
    }
  }
  if (failures.length > 0) followUps.push({ facts: reportFacts('failed', failures, part.attempts), wait: 0 });
  if (notices) followUps.push(...noticesOf(notices));
  const untold = [...open];
  if (untold.length > 0 && done.outcomes.length > 0) {
    followUps.push({ facts: { ...deferredFacts(part, undefined, untold) }, wait: UNTOLD_MS });
  } else if (part.kind !== undefined && part.kind !== 'failed' && done.trouble) {
    // A warning, or good news, that could not be written has no outcome: nothing changes for its recipients. It waits with its bin.
    followUps.push({ facts: deferredFacts(part, undefined, untold), wait: 0 });
  }
  const worked = done.outcomes.some(({ state }) => state === 'bounced' || state === 'warned' || state === 'expanded');
  const reached = (ended.delivered ?? 0) > 0 || notices !== undefined;
  return { followUps, held, untold, ended, well: reached || (worked && !done.trouble) };
}

/** A warning without the recipients that are late no more; undefined when nobody is. `others`: all parts of the message. */
export function stillLate(warning: PartFacts, others: Iterable<PartFacts>): PartFacts | undefined {
  const late = new Set<string>();
  for (const { hop, to } of others) if (hop.channel !== 'bounce') for (const address of to) late.add(address);
  const to = warning.to.filter((address) => late.has(address));
  if (to.length === warning.to.length) return warning;
  return to.length === 0 ? undefined : { ...warning, to, failures: failuresFor(warning.failures ?? [], to) };
}

/** For a part that grew too old while its whole bin waited, or undefined when its time has not come. */
export function ageOut(part: WorkPart, at: { rules: RetryRules; now: number; trouble: Reply | undefined }): FollowUp[] {
  const { rules, now, trouble } = at;
  const reply = part.reply ?? trouble;
  if (part.hop.channel === 'bounce' || reply === undefined) return [];
  if (now >= expiresAt(part, rules)) {
    const failures = [{ to: part.to, reply: expiredReply(reply) }];
    return [{ facts: reportFacts('failed', failures, part.attempts), wait: 0 }];
  }
  if (!needsWarning(part, rules, now)) return [];
  const { hop, to, attempts } = part;
  return withWarning(part, { hop, to, attempts, warned: false, reply }, { rules, now, wait: 0 });
}

/** For a part whose sender named a time that is over (RFC 2852): it is returned, tried or not, or he is told that it is late. */
export function overdue(
  part: WorkPart,
  at: { rules: RetryRules; now: number; trouble: Reply | undefined },
): FollowUp[] {
  const deadline = deadlineOf(part);
  if (deadline === undefined || at.now < deadline) return [];
  const last = part.reply ?? at.trouble;
  if (part.message.facts.by?.mode === 'R')
    return [{ facts: reportFacts('failed', [{ to: part.to, reply: expiredReply(last) }], part.attempts), wait: 0 }];
  const { hop, to, attempts } = part;
  const facts = { hop, to, attempts, warned: false, ...(last ? { reply: last } : {}) };
  return withWarning(part, facts, { ...at, wait: 0 });
}

/** In mode N of RFC 2852 the sender is told at the time that he named, and not at ours. */
function needsWarning(part: WorkPart, rules: RetryRules, now: number): boolean {
  const { sender, received, by } = part.message.facts;
  if (by?.mode === 'N' && by.at > received) return now >= (deadlineOf(part) ?? Infinity);
  return rules.warnAfter > 0 && !part.warned && sender !== '' && now - received >= rules.warnAfter;
}

function withWarning(
  part: WorkPart,
  facts: PartFacts,
  at: { rules: RetryRules; now: number; wait: number },
): FollowUp[] {
  const deadline = deadlineOf(part) ?? 0;
  const end = Math.min(expiresAt(part, at.rules), deadline > at.now ? deadline : Infinity);
  const wait = Math.min(at.wait, Math.max(0, end - at.now));
  if (part.hop.channel === 'bounce' || !needsWarning(part, at.rules, at.now)) return [{ facts, wait }];
  const failures = [{ to: facts.to, reply: facts.reply ?? UNKNOWN }];
  const warning: PartFacts = { hop: BOUNCE, to: facts.to, attempts: 0, warned: true, failures, kind: 'delayed' };
  return [
    { facts: warning, wait: 0 },
    { facts: { ...facts, warned: true }, wait },
  ];
}

/** Both times were read off one clock at one moment: whoever set it since, what lies between them stays. */
function waitOf({ at, until }: Outcome): number {
  return until === undefined ? UNTOLD_MS : Math.max(0, until - at);
}

function deferredFacts(part: WorkPart, outcome: Outcome | undefined, to: readonly string[]): PartFacts {
  const { failures, kind, warned } = part;
  const reply = outcome?.reply ?? part.reply;
  return {
    hop: part.hop,
    to,
    attempts: outcome?.attempts ?? part.attempts + 1,
    warned,
    ...(reply ? { reply } : {}),
    ...(failures ? { failures: failuresFor(failures, to) } : {}),
    ...(kind ? { kind } : {}),
  };
}

function failuresFor(failures: readonly Failure[], to: readonly string[]): Failure[] {
  const wanted = new Set(to);
  const kept = failures.map(({ to: all, reply }) => ({ to: all.filter((address) => wanted.has(address)), reply }));
  return kept.filter((failure) => failure.to.length > 0);
}

function reportFacts(kind: ReportKind, failures: readonly Failure[], attempts: number): PartFacts {
  const to = failures.flatMap((failure) => failure.to);
  return { hop: BOUNCE, to, attempts, warned: true, failures, kind };
}

/** Good news of one kind goes into one report. */
function noticesOf(outcomes: readonly Outcome[]): FollowUp[] {
  const byKind = Map.groupBy(outcomes, ({ notice }) => notice ?? 'delivered');
  return Array.from(byKind, ([kind, some]) => {
    const told = some.map(({ recipients, reply }) => ({ to: recipients, reply: reply ?? UNKNOWN }));
    return { facts: reportFacts(kind, told, some[0]?.attempts ?? 1), wait: 0 };
  });
}

const UNKNOWN: Reply = { code: 451, status: '4.0.0', text: 'no reason was given', class: 'other' };

/** RFC 3463 4.4.7: delivery time expired. These are our words, so no remote; the last answer stands whole within them. */
function expiredReply(last: Reply | undefined): Reply {
  const by = last?.remote === undefined || last.remote.startsWith('unix:') ? '' : ` from ${last.remote}`;
  const because = last ? `; the last answer${by} was: ${last.code} ${last.status} ${last.text}` : '';
  const text = `could not be delivered in time${because}`.slice(0, 1000);
  return { code: 554, status: '5.4.7', text, ...(last?.class && { class: last.class }) };
}
