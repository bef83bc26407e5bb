/**
 * show: one message, its envelope, where each recipient stands, and its content on demand.
 *
 * Content goes to a terminal only in a safe form. `--raw` into a file or a pipe is byte for byte.
 */
import type { Readable } from 'node:stream';
import { EX } from '../../base/sysexits.ts';
import { openStderrLogger } from '../../log/logger.ts';
import { openStore } from '../../queue/open-store.ts';
import type { StoredMessage } from '../../queue/store.ts';
import type { Envelope } from '../../mail/envelope.ts';
import type { QueuedMessage } from '../../queue/queued-message.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../common/context.ts';
import { formatPairs, printTable } from '../common/table.ts';
import { formatAge, formatTime } from '../common/units.ts';
import { describeState, messageJson, recipientColumns } from './describe.ts';
import { seenByFarm } from './farm-view.ts';
import { safeText, splitAtBody } from './safe-text.ts';
import { findMessages } from './source.ts';
import type { Selector } from './selectors.ts';

export type ShowPart = 'all' | 'headers' | 'body' | 'raw';

export interface Showing {
  readonly context: Context;
  readonly config: Config;
  /** A farm runs. */
  readonly live: boolean;
  /** Of one id. */
  readonly selector: Selector;
  readonly part: ShowPart;
  readonly json: boolean;
}

/** `queue show`. */
export async function showMessage(showing: Showing): Promise<number> {
  const { context, config, selector, part, json } = showing;
  const source = { split: config.queue.split };
  const message =
    (await firstOf(seenByFarm(findMessages(source, selector, 1), showing.live ? config : undefined))) ??
    (await firstOf(findMessages(source, { ...selector, deleted: true }, 1)));
  if (!message) {
    await context.err.line('queue: no such message in the queue, nor in the deleted queue; queue trace may know it');
    return EX.NOINPUT;
  }
  if (json) return printed(context.out.json(messageJson(message, Date.now())));
  if (part === 'all') await printEnvelope(context, message);
  return printContent(showing, message);
}

async function printEnvelope(context: Context, message: QueuedMessage): Promise<void> {
  const { envelope, size } = message;
  const now = Date.now();
  const { origin } = envelope;
  const from = [origin.via, origin.ip, origin.helo && `helo ${origin.helo}`, origin.user && `user ${origin.user}`];
  await context.out.write(
    formatPairs([
      ['id', message.id],
      ['state', describeState(message)],
      ['sender', envelope.sender || '<>'],
      ['received', `${formatTime(envelope.received)} (${formatAge(now - envelope.received)} ago)`],
      ['size', `${size} bytes`],
      ['from', from.filter(Boolean).join(', ')],
      ['kept in', message.where === 'deleted' ? 'the deleted queue' : `the ${message.where}`],
      ...(envelope.envid === undefined ? [] : [['envid', envelope.envid] as const]),
      ...timesOf(envelope),
    ]),
  );
  await context.out.line('');
  await printTable(context.out, recipientColumns(now), message.recipients);
  await context.out.line('');
}

/** What its sender wishes as to the time. */
function timesOf({ notBefore, deliverBy }: Envelope): (readonly [string, string])[] {
  const late = deliverBy?.mode === 'R' ? 'else it is returned' : 'else its sender is told';
  return [
    ...(notBefore === undefined ? [] : [['not before', formatTime(notBefore)] as const]),
    ...(deliverBy === undefined ? [] : [['deliver by', `${formatTime(deliverBy.at)}, ${late}`] as const]),
  ];
}

async function printContent({ context, config, part }: Showing, message: QueuedMessage): Promise<number> {
  if (message.where === 'deleted') {
    await context.err.line('queue: its content can be seen after queue restore');
    return EX.OK;
  }
  const log = openStderrLogger({ farm: 'cli', worker: 'queue', level: 'error' });
  const store = await openStore({ config, worker: `queue-${process.pid}`, log, role: 'reader' });
  try {
    const read = await store.read(message.handle);
    if (read.kind === 'found') return await printParts(context, read.message, part);
    await context.err.line(
      read.kind === 'missing' ? 'queue: it left the queue meanwhile' : `queue: damaged: ${read.why}`,
    );
    return read.kind === 'missing' ? EX.NOINPUT : EX.DATAERR;
  } finally {
    await store.close();
  }
}

async function printParts(context: Context, message: StoredMessage, part: ShowPart): Promise<number> {
  const terminal = context.out.isTerminal;
  if (part === 'raw' && !terminal) {
    for await (const chunk of message.stream() as AsyncIterable<Buffer>) if (!(await context.out.write(chunk))) break;
    return EX.OK;
  }
  const wanted = part === 'all' ? 'headers' : part;
  for await (const chunk of splitAtBody(message.stream() as Readable & AsyncIterable<Buffer>)) {
    const shown = wanted === 'raw' || chunk.part === wanted;
    if (shown && !(await context.out.write(safeText(chunk.bytes)))) break;
    if (chunk.part === 'body' && wanted === 'headers') break;
  }
  return EX.OK;
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

async function printed(done: Promise<boolean>): Promise<number> {
  await done;
  return EX.OK;
}
