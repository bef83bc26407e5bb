/** list and count: what is in the queue. */
import { EX } from '../../base/sysexits.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Context } from '../common/context.ts';
import { printTable } from '../common/table.ts';
import type { Config } from '../../config/config.ts';
import { describeState, listColumns, messageJson } from './describe.ts';
import { seenByFarm } from './farm-view.ts';
import type { Selector } from './selectors.ts';
import { findMessages, type QueueSource } from './source.ts';

/** What a reading verb works on. */
export interface Reading {
  readonly context: Context;
  /** The configuration of the farm that runs, if one does. */
  readonly farm: Config | undefined;
  readonly source: QueueSource;
  readonly selector: Selector;
  readonly json: boolean;
  readonly limit: number;
}

/** `queue list`. */
export async function listMessages(reading: Reading): Promise<number> {
  const { context, selector } = reading;
  const now = Date.now();
  const found = findMessages(reading.source, selector, reading.limit);
  // A selector that asks the farm has done so.
  const messages = selector.asksFarm ? found : seenByFarm(found, reading.farm);
  const printed = reading.json
    ? await printJson(context, messages, now)
    : await printTable(context.out, listColumns(now, selector.deleted), messages);
  if (printed > 0) return EX.OK;
  if (selector.ids.size > 0) {
    await context.err.line('queue: no such message in the queue');
    return EX.NOINPUT;
  }
  const name = selector.deleted ? 'the deleted queue' : 'the queue';
  if (!reading.json)
    await context.out.line(
      selector.everything && !selector.excludes ? `${name} is empty` : `no message in ${name} matches`,
    );
  return EX.OK;
}

async function printJson(context: Context, messages: AsyncIterable<QueuedMessage>, now: number): Promise<number> {
  let printed = 0;
  for await (const message of messages) {
    if (!(await context.out.json(messageJson(message, now)))) break;
    printed += 1;
  }
  return printed;
}

/** `queue count`. */
export async function countMessages({ context, source, selector, json }: Reading): Promise<number> {
  const sum = { messages: 0, recipients: 0, bytes: 0 };
  const states: Record<string, number> = {};
  for await (const message of findMessages(source, selector)) {
    sum.messages += 1;
    sum.recipients += message.recipients.length;
    sum.bytes += message.size;
    const state = describeState(message);
    states[state] = (states[state] ?? 0) + 1;
  }
  await (json ? context.out.json({ ...sum, states }) : context.out.line(String(sum.messages)));
  return EX.OK;
}
