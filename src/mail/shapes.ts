/**
 * Shape checks of what crosses a process or a disk: total functions from unknown to yes or no. They look no deeper than the
 * type, copy nothing and never throw: bytes from a socket or a file are hostile until they passed here.
 *
 * Limits that hold everywhere: strings of at most 64 KiB, lists of at most 100,000 entries.
 */
import { CHANNELS, NOTICES } from './outcome.ts';

export type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

const MAX_TEXT = 64 * 1024;
const MAX_LIST = 100_000;

export const text: Check = (v) => typeof v === 'string' && v.length <= MAX_TEXT;
export const count: Check = (v) => Number.isSafeInteger(v) && (v as number) >= 0;
export const flag: Check = (v) => typeof v === 'boolean';
export const optional =
  (check: Check): Check =>
  (v) =>
    v === undefined || check(v);
export const list =
  (check: Check): Check =>
  (v) =>
    Array.isArray(v) && v.length <= MAX_LIST && v.every(check);
export const oneOf = (...words: readonly string[]): Check => {
  const set = new Set<unknown>(words);
  return (v) => set.has(v);
};
export const shape = (fields: Fields): Check => {
  const entries = Object.entries(fields);
  return (v) => {
    if (typeof v !== 'object' || v === null) return false;
    const record = v as Record<string, unknown>;
    for (const [key, check] of entries) if (!check(record[key])) return false;
    return true;
  };
};

export const texts = list(text);
export const counts = list(count);
export const hop = shape({ channel: oneOf(...CHANNELS), next: text });
export const reply = shape({
  code: count,
  status: text,
  text,
  class: optional(text),
  remote: optional(text),
});
export const deliverBy = shape({ at: count, mode: oneOf('R', 'N'), trace: optional(flag) });
const dsn = shape({ notify: optional(texts), orcpt: optional(text) });

/** The shape of an envelope, also checked when a queue file is read. */
export const isEnvelope: Check = shape({
  sender: text,
  recipients: list(shape({ address: text, dsn: optional(dsn) })),
  received: count,
  tenant: text,
  origin: shape({
    via: oneOf('smtp', 'lmtp', 'sendmail', 'bounce'),
    ip: optional(text),
    helo: optional(text),
    listener: optional(text),
    user: optional(text),
  }),
  body: optional(oneOf('7BIT', '8BITMIME')),
  smtputf8: optional(flag),
  plain: optional(flag),
  ret: optional(oneOf('FULL', 'HDRS')),
  envid: optional(text),
  notBefore: optional(count),
  deliverBy: optional(deliverBy),
  double: optional(flag),
  settles: optional(shape({ id: text, recipients: texts, as: optional(oneOf('delivered', 'expanded')) })),
});

/** The shape of an outcome, also checked when an outcome journal is read. */
export const isOutcome: Check = shape({
  state: oneOf(
    'delivered',
    'deferred',
    'failed',
    'succeeded',
    'bounced',
    'dropped',
    'expanded',
    'deleted',
    'held',
    'released',
    'warned',
  ),
  recipients: texts,
  at: count,
  notice: optional(oneOf(...NOTICES)),
  attempts: optional(count),
  until: optional(count),
  hop: optional(hop),
  afresh: optional(flag),
  reply: optional(reply),
  into: optional(texts),
  why: optional(text),
});
