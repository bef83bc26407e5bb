/** What tests of transports share: jobs and messages as values, settings with short waits, a logger that keeps its lines. */
import { Readable } from 'node:stream';
import { MxResolver } from '../../../src/dns/mx-resolver.ts';
import { DnsResolver } from '../../../src/dns/resolver.ts';
import type { Job } from '../../../src/ipc/messages.ts';
import type { Logger } from '../../../src/log/logger.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import type { QueueId, StoredMessage } from '../../../src/queue/store.ts';
import type { DeliveryResult } from '../../../src/transport/deliverer.ts';
import { SessionDeliverer } from '../../../src/transport/channels/smtp/deliverer.ts';
import { openNextHop } from '../../../src/transport/channels/smtp/next-hop.ts';
import type { SessionSettings } from '../../../src/transport/settings.ts';

export const ID = '01m5zzzzzzzzzzzzzzz' as QueueId;

export const SETTINGS: SessionSettings = {
  hostname: 'mx.mailfarm.test',
  connectMs: 20_000,
  greetingMs: 20_000,
  commandMs: 20_000,
  dataMs: 20_000,
  idleMs: 60_000,
  messagesPerConnection: 1000,
  port: 25,
  tls: 'opportunistic',
  family: 'any',
  allowPrivate: true,
  resolvers: [],
  dnssec: false,
};

export function makeJob(to: readonly string[], fields: Partial<Job> = {}): Job {
  return { t: 'job', n: 1, handle: ID, to, attempts: 0, ...fields };
}

export function makeMessage(
  content: string | Buffer,
  envelope: Partial<Envelope> = {},
  inMemory = true,
): StoredMessage {
  const bytes = Buffer.from(content);
  const whole: Envelope = {
    sender: 'sender@test.example',
    recipients: [{ address: 'rcpt@test.example' }],
    received: Date.UTC(2026, 10, 22, 9),
    tenant: 'default',
    origin: { via: 'smtp' },
    ...envelope,
  };
  const stream = (): Readable => Readable.from(chunksOf(bytes), { objectMode: false });
  const message = { id: ID, envelope: whole, size: bytes.length, stream };
  return inMemory ? { ...message, bytes } : message;
}

/** Deliverer to one next hop, as a lane has it. */
export function makeSessionDeliverer(
  next: string,
  changes: Partial<SessionSettings> = {},
  lmtp = false,
): SessionDeliverer {
  const settings = { ...SETTINGS, ...changes };
  const dns = new DnsResolver(settings);
  const resolver = new MxResolver({ dns, hostname: settings.hostname, smtp: settings, listen: [] });
  return new SessionDeliverer({
    open: (signal) => openNextHop({ next, lmtp, settings, resolver, signal }),
    idleMs: settings.idleMs,
    lmtp,
  });
}

/** `state code status` by recipient. */
export function summarise(result: DeliveryResult): Record<string, string> {
  const rows = result.verdicts.flatMap(({ state, recipients, reply }) =>
    recipients.map((recipient) => [recipient, `${state} ${reply.code} ${reply.status}`] as const),
  );
  return Object.fromEntries(rows);
}

export interface KeptLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

export function keepingLogger(): Logger & { readonly lines: KeptLine[] } {
  const lines: KeptLine[] = [];
  const at =
    (level: string) =>
    (event: string, fields: Record<string, unknown> = {}): void =>
      void lines.push({ level, event, fields });
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => Promise.resolve(true),
    dropped: () => 0,
    close: () => {},
  };
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}
