/** Why recipients of a message wait, in plain English, and what an operator may do about it. */
import { oneLine } from '../../base/text.ts';
import type { Hop, Reply } from '../../mail/outcome.ts';
import { formatAge, formatTime } from '../common/units.ts';
import { replyWords } from './recipient-tests.ts';
import type { Group, HeldBy } from './why-groups.ts';

export interface WhyContext {
  readonly id: string;
  readonly now: number;
  /** Absolute path of the farm's working directory. */
  readonly var: string;
  /** When the message is given up, ms since 1970. */
  readonly expires: number;
  readonly nullSender: boolean;
}

/** What to do: a command, and what it does. */
export interface Advice {
  readonly command: string;
  readonly does: string;
}

/** Recipients named in a sentence. */
const NAMED = 3;
/** Others before it that the scheduler counts at most. */
const COUNTED = 10_000;
const QUOTED = 300;

/** One paragraph, without its advice. */
export function groupText(group: Group, context: WhyContext): string {
  const sentences = [history(group, context), present(group, context), ending(group, context)];
  return `${names(group.recipients)}: ${sentences.filter(Boolean).join(' ')}`;
}

function names(recipients: readonly string[]): string {
  const named = recipients.slice(0, NAMED).map((address) => oneLine(address, 100));
  const more = recipients.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

/** `in 12m, at 2026-11-22 08:45:29`. */
function when(at: number, now: number): string {
  return at > now ? `in ${formatAge(Math.max(1000, at - now))}, at ${formatTime(at)}` : 'now';
}

function ago(at: number, now: number): string {
  return `${formatAge(now - at)} ago, at ${formatTime(at)}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function quote(reply: Reply): string {
  return `“${oneLine(replyWords(reply), QUOTED)}”`;
}

function answered(reply: Reply): string {
  return reply.remote === undefined
    ? `and ended with ${quote(reply)}`
    : `and ${oneLine(reply.remote)} answered ${quote(reply)}`;
}

/** All that is left to do is to tell the sender. */
function owesReport({ state }: Pick<Group, 'state'>): boolean {
  return state === 'failed' || state === 'succeeded';
}

/** What was tried so far. */
function history(group: Group, { now }: WhyContext): string {
  const { state, attempts, tried, reply } = group;
  if (state === 'succeeded') return 'delivered; its sender asked to be told.';
  if (state === 'failed') {
    const how = reply
      ? ` ${tried === undefined ? 'with' : `(${ago(tried, now)}) ${reply.remote === undefined ? 'with' : `at ${oneLine(reply.remote)} with`}`} ${quote(reply)}`
      : '';
    return `delivery failed for good${how}.`;
  }
  if (attempts === 0)
    return state === 'deferred' ? 'not tried again since an operator asked for it.' : 'never tried yet.';
  const last = tried === undefined ? '' : `, ${attempts === 1 ? '' : 'the last time '}${ago(tried, now)}`;
  return `tried ${times(attempts)}${last}${reply ? `, ${answered(reply)}` : ''}.`;
}

/** Why nothing happens at this moment. */
function present(group: Group, context: WhyContext): string {
  const { cause, until } = group;
  const { now } = context;
  const what = owesReport(group) ? 'The report to its sender' : 'It';
  switch (cause) {
    case 'held':
      return held(group, context);
    case 'no-farm':
      return `No farm runs on ${context.var}, so nothing is done${until !== undefined && until > now ? `; its time comes ${when(until, now)}` : ''}.`;
    case 'silent':
      return `A farm runs on ${context.var}, but its scheduler does not answer; by the files, ${what.toLowerCase()} is due ${until === undefined ? 'now' : when(until, now)}.`;
    case 'command':
      return `${what} waits until the queue command ends that has it in hand at this moment.`;
    case 'on-its-way':
      return `${what} is just being taken up by the farm, or was finished at this moment: look again.`;
    case 'in-delivery':
      return owesReport(group)
        ? `${what} is being written at this moment.`
        : `It is in delivery at this moment, to ${hopName(group.hop)}.`;
    case 'deferred':
      return `${what} is tried ${group.attempts > 0 ? 'again ' : ''}${when(until ?? now, now)}.`;
    case 'hop-waits':
      return hopWaits(group, now);
    case 'turn':
      return turn(group, what);
  }
}

function hopName(hop: Hop | undefined): string {
  return hop ? oneLine(`${hop.channel} ${hop.next}`.trim()) : 'its next hop';
}

function hopWaits({ hop, bin, trouble, state }: Group, now: number): string {
  const troubles = bin?.troubles ?? 0;
  const many = troubles > 1 ? `${troubles} attempts in a row` : 'the last attempt';
  const because = trouble ? `, the last with ${quote(trouble)}` : '';
  const whose = owesReport({ state }) ? 'All reports wait' : `All mail for ${hopName(hop)} waits`;
  const failed =
    troubles > 0
      ? `${many} failed${troubles > 1 ? because : trouble ? ` with ${quote(trouble)}` : ''}`
      : `it has no worker${trouble ? ` (${quote(trouble)})` : ''}`;
  return `${whose}, because ${failed}; one lane probes it ${when(bin?.until ?? now, now)}.`;
}

function othersBefore(ahead: number | undefined): string {
  if (ahead === undefined) return 'how many are before it was not counted';
  if (ahead === 0) return 'nothing is before it';
  return `${ahead >= COUNTED ? `${COUNTED} others or more are` : ahead === 1 ? '1 other is' : `${ahead} others are`} before it`;
}

function turn({ hop, bin, ahead, suspect, limited }: Group, what: string): string {
  const work = bin ? `; ${bin.inDelivery} in delivery over ${bin.lanes} ${bin.lanes === 1 ? 'lane' : 'lanes'}` : '';
  const sentences = [`${what} waits for its turn for ${hopName(hop)}: ${othersBefore(ahead)}${work}.`];
  if (limited) sentences.push('Its tenant may do no more at this moment (limits in tenants.yaml).');
  else if (bin?.tenants !== undefined) sentences.push(`Its tenant takes turns there with ${bin.tenants - 1} more.`);
  if (bin && bin.troubles > 0) sentences.push('Its next hop is in trouble: one lane probes it.');
  else if (bin?.lanes === 0 && !limited) sentences.push('No lane is open there yet: others may have them all (lanes).');
  if (suspect) sentences.push('A worker ended while it delivered this, so it goes with nothing beside it.');
  return sentences.join(' ');
}

const HELD: Readonly<Record<HeldBy, string>> = {
  operator: 'An operator held it',
  filter: 'A filter put it into quarantine',
  deaths: 'It was held because the farm could not work on it,',
  damage: 'It was held because it can not be read,',
};

function held({ heldBy = 'operator', why, heldAt }: Group, { now }: WhyContext): string {
  const since = heldAt === undefined ? '' : ` ${ago(heldAt, now)}`;
  const because = why === undefined || why === 'held by an operator' ? '' : `: “${oneLine(why, QUOTED)}”`;
  return `${HELD[heldBy]}${since}${because}. Nothing is tried until it is released.`;
}

/** How long it is tried, and what its sender knows. */
function ending({ cause, state, warned }: Group, { now, expires, nullSender }: WhyContext): string {
  const told = warned && !owesReport({ state }) ? 'Its sender was told of the delay.' : '';
  if (cause === 'held' || owesReport({ state }) || cause === 'in-delivery') return told;
  const end = nullSender ? 'it is given up' : 'it is given up and its sender gets a bounce';
  const last =
    expires > now
      ? `If it is not delivered by ${formatTime(expires)}, ${end}.`
      : `It is older than it may be: after the next attempt ${end}.`;
  return [told, last].filter(Boolean).join(' ');
}

/** What may be done about it, the likeliest first; nothing where waiting is all there is. */
export function adviceFor(group: Group, { id }: WhyContext): readonly Advice[] {
  const retry = { command: `queue retry ${id}`, does: group.cause === 'hop-waits' ? 'probes it now' : 'tries it now' };
  switch (group.cause) {
    case 'held':
      return heldAdvice(group.heldBy ?? 'operator', id);
    case 'no-farm':
      return [{ command: 'mailfarmd', does: 'starts the farm' }];
    case 'silent':
      return [{ command: 'mailfarm status', does: 'shows what the farm does' }];
    case 'deferred':
    case 'hop-waits':
      return owesReport(group) ? [] : [retry];
    case 'turn':
      return group.limited ? [{ command: 'mailfarm tenants', does: 'shows what waits for whom' }] : [];
    case 'on-its-way':
      return [{ command: `queue trace ${id}`, does: 'shows every step it took' }];
    default:
      return [];
  }
}

function heldAdvice(by: HeldBy, id: string): readonly Advice[] {
  const release = {
    command: `queue release ${id}`,
    does: by === 'operator' || by === 'filter' ? 'lets it go' : 'has it tried again',
  };
  const end = { command: `queue bounce ${id}`, does: 'returns it to its sender' };
  if (by === 'operator') return [release];
  const look =
    by === 'filter'
      ? { command: `queue show --body ${id}`, does: 'shows what is in it' }
      : { command: `queue trace ${id}`, does: 'shows what happened' };
  return by === 'damage' ? [look, { command: `queue delete ${id}`, does: 'takes it out' }] : [look, release, end];
}
