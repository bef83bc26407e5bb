/**
 * Puts a message into the queue on disk without any farm: durable before the command ends, found by the injector when
 * the farm starts. A farm that started in between gets the handle at once.
 */
import { closeSync } from 'node:fs';
import { EX } from '../../base/sysexits.ts';
import { errorCode, errorText, oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { connectPeer } from '../../ipc/connect.ts';
import { makeHello } from '../../ipc/hello.ts';
import { SegmentNotices } from '../../ipc/segment-notices.ts';
import { openFileLogger } from '../../log/file-logger.ts';
import type { Fields } from '../../log/line.ts';
import { openLogger, type Logger } from '../../log/logger.ts';
import { isAsciiAddress } from '../../mail/address.ts';
import type { Envelope } from '../../mail/envelope.ts';
import { TenantFinder } from '../../config/tenant-finder.ts';
import { authorDomain } from '../../mail/author.ts';
import { DEFAULT_TENANT } from '../../mail/envelope.ts';
import { dateHeader, messageIdHeader, receivedHeader } from '../../mail/trace.ts';
import { readIpcTls } from '../../process/ipc-tls.ts';
import { takeLock } from '../../process/lock.ts';
import { openStore } from '../../queue/open-store.ts';
import type { Handle, Store } from '../../queue/store.ts';
import { StorageFull } from '../../queue/store.ts';
import { askSupervisor } from '../common/control.ts';
import { isLive } from '../common/settings.ts';
import type { Field } from './header.ts';
import type { OutgoingMessage } from './message.ts';
import { isEightBit, readContent } from './message.ts';
import { reportClosedQueue, type Report } from './report.ts';

export interface QueueOnDisk {
  readonly config: Config;
  /** Login name of the caller, for the Received line. */
  readonly user: string;
  readonly fields: readonly Field[];
}

/** What a store tells of a segment that it closed. */
type Closed = Parameters<SegmentNotices['post']>;

/** `alone`: no farm runs. */
type Handed = 'taken' | 'untaken' | 'alone';

/** What the router of a farm that is just starting gets to answer. */
const HAND_ON_MS = 5000;
/** How long another command is waited for that writes to the log, in ms. */
const LOCK_MS = 1000;

/** Call it within var. Never rejects for what a disk does: the report says it. */
export async function enqueue(message: OutgoingMessage, queue: QueueOnDisk): Promise<Report> {
  const worker = `sendmail-${process.pid}-${Date.now().toString(36)}`;
  const { config } = queue;
  const log = openLogger({ socket: config.farms.log.socket, farm: 'cli', worker, level: config.log.level });
  const closed: Closed[] = [];
  const begun = Date.now();
  let handed: Handed = 'alone';
  try {
    const store = await openStore({
      config,
      worker,
      log,
      role: 'command',
      onSegmentClosed: (...segment) => void closed.push(segment),
    });
    try {
      if (!store.hasRoom()) return failed('the disk of the queue is full', EX.TEMPFAIL);
      const { handle, envelope, id } = await commit(store, message, queue);
      const { sender, recipients } = envelope;
      await logReceived(log, worker, { id, sender, recipients: recipients.length, via: 'sendmail' });
      handed = await handOn(config, { handle, envelope }, worker);
      return { lines: [`queued as ${id}; the farm delivers it when it runs`], status: EX.OK };
    } finally {
      await store.close();
      if (handed === 'taken') await tellClosed(config, closed, { worker, log });
      // Its segment is told of by whoever looks for it there.
      if (handed === 'untaken') await askSupervisor({ verb: 'recover', since: begun }, HAND_ON_MS);
    }
  } catch (error) {
    if (error instanceof StorageFull) return failed('the disk of the queue is full', EX.TEMPFAIL);
    if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '')) return reportClosedQueue(config.paths.var);
    return failed(`no farm answers, and its queue can't be written: ${oneLine(errorText(error))}`, EX.TEMPFAIL);
  } finally {
    await log.flush(200);
    log.close();
  }
}

/**
 * While no farm runs, nobody else writes the line: whoever has the lock of var, as every log process has, may do it. When that
 * cannot be had the injector says at the next start that the message is there.
 */
async function logReceived(log: Logger, worker: string, fields: Fields): Promise<void> {
  if (await isLive()) return log.info('received', fields);
  const lock = await takeLock('lock', { waitMs: LOCK_MS }).catch(() => undefined);
  if (lock?.kind !== 'locked') return log.info('received', fields);
  const own = await openFileLogger({ farm: 'cli', worker, onTrouble: () => undefined });
  own.info('received', fields);
  own.close();
  closeSync(lock.fd);
}

async function commit(
  store: Store,
  message: OutgoingMessage,
  queue: QueueOnDisk,
): Promise<{ readonly handle: Handle; readonly envelope: Envelope; readonly id: string }> {
  const id = store.nextId();
  const envelope = makeEnvelope(message, queue);
  const draft = store.draft(id);
  await draft.write(traceHeader(id, envelope, queue));
  for await (const chunk of readContent(message)) await draft.write(chunk);
  return { handle: await draft.commit(envelope), envelope, id };
}

function makeEnvelope(message: OutgoingMessage, queue: QueueOnDisk): Envelope {
  const { notify, ret, envid } = message.dsn;
  const utf8 = !isAsciiAddress(message.sender) || !message.recipients.every(isAsciiAddress);
  return {
    sender: message.sender,
    recipients: message.recipients.map((address) => (notify ? { address, dsn: { notify } } : { address })),
    received: Date.now(),
    tenant: tenantOf(message, queue),
    origin: { via: 'sendmail', user: queue.user },
    ...(isEightBit(message) && { body: '8BITMIME' as const }),
    ...(utf8 && { smtputf8: true }),
    ...(ret && { ret }),
    ...(envid !== undefined && { envid }),
  };
}

/** As an acceptor finds it; the login is that of this machine. */
function tenantOf({ sender, header }: OutgoingMessage, { config, user }: QueueOnDisk): string {
  const finder = new TenantFinder(config.tenants);
  const found = finder.find({ login: user, trusted: true }, sender);
  const author = found === undefined && finder.looksAtAuthors ? authorDomain(header) : undefined;
  return found ?? (author === undefined ? undefined : finder.ofAuthor(author)) ?? DEFAULT_TENANT;
}

/** The lines that an acceptor would have put on top: Received, and Date and Message-ID where they are missing. */
function traceHeader(id: string, envelope: Envelope, queue: QueueOnDisk): Buffer {
  const { hostname } = queue.config;
  const lone = envelope.recipients.length === 1 ? envelope.recipients[0]?.address : undefined;
  const date = envelope.received;
  const lines = [
    receivedHeader({
      by: hostname,
      with: 'local',
      id,
      date,
      user: queue.user,
      ...(lone !== undefined && { for: lone }),
    }),
  ];
  if (!queue.fields.some((field) => field.name === 'date')) lines.push(dateHeader(date));
  if (!queue.fields.some((field) => field.name === 'message-id')) lines.push(messageIdHeader(id, hostname));
  return Buffer.from(lines.join(''), 'latin1');
}

/** Nobody there is the usual case: the injector finds the message at the start. */
async function handOn(
  config: Config,
  message: { readonly handle: Handle; readonly envelope: Envelope },
  worker: string,
): Promise<Handed> {
  if (!(await isLive())) return 'alone';
  try {
    const peer = await connectPeer({
      address: config.farms.router.socket,
      tls: readIpcTls(config),
      self: makeHello({ farm: 'cli', worker }),
      deadlineMs: HAND_ON_MS,
    });
    const answer = await peer.request({ t: 'accepted', ...message }, HAND_ON_MS);
    peer.close();
    return answer.t === 'taken' ? 'taken' : 'untaken';
  } catch {
    // No router, or none that answers: the message is in the queue, and that was the promise.
    return 'untaken';
  }
}

/** A farm that runs would else keep the segment, and outcomes younger than it, until its next start. */
async function tellClosed(
  config: Config,
  closed: readonly Closed[],
  from: { readonly worker: string; readonly log: Logger },
): Promise<void> {
  const notices = new SegmentNotices({
    address: config.farms.scheduler.socket,
    self: makeHello({ farm: 'cli', worker: from.worker }),
    tls: readIpcTls(config),
    log: from.log,
  });
  for (const segment of closed) notices.post(...segment);
  await notices.settle(Date.now() + HAND_ON_MS);
}

function failed(line: string, status: number): Report {
  return { lines: [line], status };
}
