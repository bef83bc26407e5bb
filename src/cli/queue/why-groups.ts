/**
 * Why recipients of a message wait: each has one cause, and those that wait for the same are one group. Pure: what the files and the
 * scheduler know in, groups out.
 */
import type { WhereBin, WherePart } from '../../ipc/insight.ts';
import type { Hop, Reply } from '../../mail/outcome.ts';
import type { RecipientState } from '../../queue/fold.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { CloseView } from './farm-view.ts';
import { hopOf } from './recipient-tests.ts';

/** Who would work on it: a farm that answers, one that does not, or none. */
export type FarmSeen =
  | { readonly kind: 'running'; readonly view: CloseView }
  | { readonly kind: 'silent' }
  | { readonly kind: 'none' };

export type Cause =
  /** A worker has it at this moment. */
  | 'in-delivery'
  /** Its time has come, and others are before it. */
  | 'turn'
  /** It waits for its own time. */
  | 'deferred'
  /** All mail for its next hop waits. */
  | 'hop-waits'
  | 'held'
  /** Nothing runs that would work on it. */
  | 'no-farm'
  /** A farm runs whose scheduler does not answer. */
  | 'silent'
  /** A command has taken it out of play. */
  | 'command'
  /** On its way between two stages of the farm. */
  | 'on-its-way';

/** What an operator or a part of the farm holds it for: the advice differs. */
export type HeldBy = 'operator' | 'filter' | 'deaths' | 'damage';

export interface Group {
  readonly cause: Cause;
  readonly recipients: readonly string[];
  readonly state: RecipientState['state'];
  readonly attempts: number;
  /** Milliseconds since 1970, as all times here. */
  readonly tried?: number;
  /** Not before: its own time, or that of its bin. */
  readonly until?: number;
  readonly hop?: Hop;
  /** The last answer it got itself. */
  readonly reply?: Reply;
  /** What its bin waits for. */
  readonly trouble?: Reply;
  readonly bin?: WhereBin;
  readonly ahead?: number;
  readonly suspect?: boolean;
  /** Its tenant may do no more at this moment. */
  readonly limited?: boolean;
  readonly warned?: boolean;
  readonly heldBy?: HeldBy;
  readonly why?: string;
  readonly heldAt?: number;
}

export function groupsOf({ recipients }: QueuedMessage, farm: FarmSeen, now: number): readonly Group[] {
  const parts = farm.kind === 'running' ? farm.view.parts : [];
  const byAddress = new Map(parts.flatMap((part) => part.to.map((address) => [address, part] as const)));
  const groups = new Map<string, Group & { recipients: string[] }>();
  for (const recipient of recipients) {
    const { address, ...rest } = describe(recipient, byAddress.get(recipient.address), farm, now);
    const key = JSON.stringify(rest);
    const known = groups.get(key);
    if (known) known.recipients.push(address);
    else groups.set(key, { ...rest, recipients: [address] });
  }
  return [...groups.values()];
}

function describe(
  one: RecipientState,
  part: WherePart | undefined,
  farm: FarmSeen,
  now: number,
): Omit<Group, 'recipients'> & { readonly address: string } {
  const { address, state, attempts, tried, reply, warned, why, heldAt } = one;
  const cause = causeOf(one, part, farm, now);
  const hop = cause === 'held' ? undefined : (part?.hop ?? hopOf(one));
  const until = cause === 'held' ? undefined : part ? part.until : one.until;
  return {
    cause,
    address,
    state,
    attempts,
    ...defined({ tried, until, hop, reply, warned }),
    ...(cause === 'held' ? { heldBy: heldBy(why), ...defined({ why, heldAt }) } : {}),
    ...defined({ trouble: part?.trouble, bin: part?.bin, ahead: part?.ahead }),
    ...defined({ suspect: part?.suspect, limited: part?.limited }),
  };
}

/** Without what is undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}

function causeOf(one: RecipientState, part: WherePart | undefined, farm: FarmSeen, now: number): Cause {
  if (one.state === 'held') return 'held';
  if (farm.kind !== 'running') return farm.kind === 'none' ? 'no-farm' : 'silent';
  if (farm.view.claimed) return 'command';
  if (!part) return 'on-its-way';
  if (part.inDelivery) return 'in-delivery';
  if (part.trouble && (part.bin?.until ?? 0) > now) return 'hop-waits';
  return (part.until ?? 0) > now ? 'deferred' : 'turn';
}

/** By the words with which filters, router, scheduler and transports hold a message; an operator has any others. */
function heldBy(why = ''): HeldBy {
  if (/^filter [\w-]{1,40}: /.test(why)) return 'filter';
  if (/^(?:router|scheduler): |^worker after worker /.test(why)) return 'deaths';
  return why.startsWith('the message in the queue is damaged') ? 'damage' : 'operator';
}
