/**
 * why: for one message, why it waits, what was tried, and when it is tried next, in plain English; of what left the queue, how it ended.
 * It works from the files, asks the scheduler where a farm runs, and looks into the log for what is in no queue.
 */
import { EX } from '../../base/sysexits.ts';
import type { Config } from '../../config/config.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Context } from '../common/context.ts';
import { formatAge, formatSize, formatTime, isoTime } from '../common/units.ts';
import { wrapText } from '../common/wrap.ts';
import { deletionJson, describeState, headJson } from './describe.ts';
import { openCloseView } from './farm-view.ts';
import { selectId, type Selector } from './selectors.ts';
import { findMessages } from './source.ts';
import { adviceFor, groupText, type Advice, type WhyContext } from './why-words.ts';
import { groupsOf, type FarmSeen, type Group } from './why-groups.ts';
import { howItEnded } from './why-ended.ts';

export interface Asking {
  readonly context: Context;
  readonly config: Config;
  /** A farm runs. */
  readonly live: boolean;
  readonly selector: Selector;
  readonly limit: number;
  readonly json: boolean;
}

/** Messages that are told of when selectors choose them. */
export const WHY_LIMIT = 20;

/** `queue why`. */
export async function explainMessages(asking: Asking): Promise<number> {
  const { context, config, live, selector, limit } = asking;
  const source = { split: config.queue.split, farm: live ? config : undefined };
  const view = live ? await openCloseView(config) : undefined;
  const told = new Set<string>();
  try {
    for await (const message of findMessages(source, selector, limit + 1)) {
      if (told.size === limit) return await tellMore(context);
      const seen = message.where === 'deleted' ? undefined : await view?.of(message.id);
      const farm: FarmSeen = seen ? { kind: 'running', view: seen } : { kind: live ? 'silent' : 'none' };
      if (!(await tell(asking, message, farm, told.size > 0))) return EX.OK;
      told.add(message.id);
    }
  } finally {
    view?.close();
  }
  return explainOthers(asking, told);
}

async function tellMore(context: Context): Promise<number> {
  await context.err.line(`queue: there are more; --limit says how many are told of`);
  return EX.OK;
}

/** What was named and not met in the queue. */
async function explainOthers(asking: Asking, told: Set<string>): Promise<number> {
  const { context, selector, limit } = asking;
  let status: number = EX.OK;
  for (const id of selector.ids) {
    if (told.has(id)) continue;
    if (told.size === limit) {
      await tellMore(context);
      break;
    }
    if (await explainOther(asking, id, told.size > 0)) told.add(id);
    else status = EX.NOINPUT;
  }
  if (told.size === 0 && !asking.json && selector.ids.size === 0)
    await context.out.line('no message in the queue matches');
  return status;
}

/** False when there is nothing to tell of it. */
async function explainOther(asking: Asking, id: string, further: boolean): Promise<boolean> {
  const { context, selector } = asking;
  const now = Date.now();
  const here = await findId(asking, id, false);
  if (here) {
    const meant = !selector.deleted && selector.matches(here, now);
    const why = meant ? 'was just on its way there: look again' : 'the other selectors leave it out';
    await context.err.line(`queue: ${id} is in the queue, and ${why}`);
    return false;
  }
  const deleted = await findId(asking, id, true);
  if (deleted && (selector.deleted || !selector.matches(deleted, now))) {
    await context.err.line(`queue: ${id} is in the deleted queue, and the other selectors leave it out`);
    return false;
  }
  if (deleted) {
    await tell(asking, deleted, { kind: 'none' }, further);
    return true;
  }
  const end = await howItEnded(id);
  if (end) await say(asking, { ...end.json, text: [end.text] }, end.advice, further);
  else await context.err.line(`queue: neither the queue nor the log knows ${id}`);
  return end !== undefined;
}

/** The message of that id in the queue, or in the deleted queue, whatever else was asked for. */
async function findId({ config }: Asking, id: string, deleted: boolean): Promise<QueuedMessage | undefined> {
  const parsed = selectId(id);
  if (!parsed.ok) return undefined;
  const found = findMessages({ split: config.queue.split }, { ...parsed.selector, deleted }, 1);
  for await (const message of found) return message;
  return undefined;
}

async function tell(asking: Asking, message: QueuedMessage, farm: FarmSeen, further: boolean): Promise<boolean> {
  const now = Date.now();
  const context = contextOf(asking.config, message, now);
  if (message.where === 'deleted') return tellDeleted(asking, message, context, further);
  const groups = groupsOf(message, farm, now);
  const advice = groups.map((group) => adviceFor(group, context));
  const json = {
    ...headJson(message, context.now),
    state: describeState(message),
    farm: farm.kind,
    groups: groups.map((group, i) => groupJson(group, context, advice[i] ?? [])),
  };
  const text = [head(message, now), ...groups.map((group) => groupText(group, context))];
  return say(asking, { ...json, text }, advice.flat(), further);
}

function contextOf({ retry, paths }: Config, { id, envelope }: QueuedMessage, now: number): WhyContext {
  const nullSender = envelope.sender === '';
  const expires = envelope.received + (nullSender ? retry.bounceLifetime : retry.lifetime);
  return { id, now, var: paths.var, expires, nullSender };
}

function tellDeleted(
  asking: Asking,
  message: QueuedMessage,
  { id, now }: WhyContext,
  further: boolean,
): Promise<boolean> {
  const { deletion } = message;
  const { deletedFor } = asking.config.queue;
  const when = deletion ? ` ${formatAge(now - deletion.at)} ago, at ${formatTime(deletion.at)}` : '';
  const by = deletion?.operation ? ` (operation ${deletion.operation})` : '';
  const purged = deletion && deletedFor > 0 ? deletion.at + deletedFor : undefined;
  const end =
    purged === undefined ? 'It stays there.' : `A running farm removes it for good after ${formatTime(purged)}.`;
  const text = [
    head(message, now),
    `An operator deleted it${when}${by}: it is in the deleted queue, and nothing is tried. ${end}`,
  ];
  const json = {
    ...headJson(message, now),
    state: describeState(message),
    cause: 'deleted',
    ...deletionJson(message),
    purged: isoTime(purged),
  };
  return say(asking, { ...json, text }, [{ command: `queue restore ${id}`, does: 'brings it back' }], further);
}

function head({ id, envelope, size, recipients, where }: QueuedMessage, now: number): string {
  const all = new Set([
    ...envelope.recipients.map(({ address }) => address),
    ...recipients.map(({ address }) => address),
  ]);
  const done = all.size - recipients.length;
  const left = where !== 'deleted' && done > 0 ? ` ${done} of ${all.size} recipients need nothing more.` : '';
  const from = envelope.sender === '' ? 'a bounce' : `from ${envelope.sender}`;
  return `${id}, ${from}, ${sizeWords(size)}, came ${formatAge(now - envelope.received)} ago, at ${formatTime(envelope.received)}.${left}`;
}

function sizeWords(size: number): string {
  return size < 1024 ? `${size} bytes` : formatSize(size);
}

function groupJson(group: Group, context: WhyContext, advice: readonly Advice[]): Record<string, unknown> {
  const { tried, until, heldAt, bin, ...rest } = group;
  return {
    ...rest,
    tried: isoTime(tried),
    until: isoTime(until),
    heldAt: isoTime(heldAt),
    bin: bin && { ...bin, until: isoTime(bin.until) },
    text: groupText(group, context),
    advice,
  };
}

/** False when nobody reads any more. */
async function say(
  { context, json }: Asking,
  what: Record<string, unknown> & { readonly text: readonly string[] },
  advice: readonly Advice[],
  further: boolean,
): Promise<boolean> {
  if (json) return context.out.json({ ...what, text: what.text.join(' ') });
  const width = context.out.columns ?? Infinity;
  const paragraphs = what.text.map((text) => wrapText(text, width));
  const distinct = new Map(advice.map(({ command, does }) => [command, does]));
  const lines = [...distinct].map(([command, does]) => `  ${command}  (${does})`);
  return context.out.write(`${further ? '\n' : ''}${[...paragraphs, ...lines].join('\n')}\n`);
}
