/**
 * Shape checks of every frame: total functions from unknown to Frame. They look one frame deep and no deeper than its
 * type, copy nothing, and never throw: what a socket says is hostile until it passed here (rule 7).
 *
 * Limits that hold for every frame: strings of at most 64 KiB, lists of at most 100,000 entries.
 */
import type { Frame, FrameType } from './messages.ts';
import { CHANNELS } from '../mail/outcome.ts';

type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

const MAX_TEXT = 64 * 1024;
const MAX_LIST = 100_000;

const text: Check = (v) => typeof v === 'string' && v.length <= MAX_TEXT;
const count: Check = (v) => Number.isSafeInteger(v) && (v as number) >= 0;
const flag: Check = (v) => typeof v === 'boolean';
const optional =
  (check: Check): Check =>
  (v) =>
    v === undefined || check(v);
const list =
  (check: Check): Check =>
  (v) =>
    Array.isArray(v) && v.length <= MAX_LIST && v.every(check);
const oneOf = (...words: readonly string[]): Check => {
  const set = new Set<unknown>(words);
  return (v) => set.has(v);
};
const shape = (fields: Fields): Check => {
  const entries = Object.entries(fields);
  return (v) => {
    if (typeof v !== 'object' || v === null) return false;
    const record = v as Record<string, unknown>;
    for (const [key, check] of entries) if (!check(record[key])) return false;
    return true;
  };
};

const texts = list(text);
const counts = list(count);
const hop = shape({ channel: oneOf(...CHANNELS), next: text });
const reply = shape({ code: count, status: text, text, remote: optional(text) });
const part = shape({
  hop,
  to: texts,
  attempts: optional(count),
  until: optional(count),
  reply: optional(reply),
  warned: optional(flag),
});
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
  ret: optional(oneOf('FULL', 'HDRS')),
  envid: optional(text),
  settles: optional(shape({ id: text, recipients: texts })),
});

/** The shape of an outcome, also checked when an outcome journal is read. */
export const isOutcome: Check = shape({
  state: oneOf(
    'delivered',
    'deferred',
    'failed',
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
  attempts: optional(count),
  until: optional(count),
  hop: optional(hop),
  reply: optional(reply),
  into: optional(texts),
  why: optional(text),
});

const bin = shape({
  hop,
  waiting: count,
  lanes: count,
  inDelivery: count,
  until: optional(count),
  trouble: optional(reply),
});

const SHAPES: Readonly<Record<FrameType, Check>> = {
  hello: shape({ v: count, farm: text, worker: text, pid: count, outcomes: optional(text) }),
  accepted: shape({ n: count, handle: text, envelope: isEnvelope, only: optional(texts), parts: optional(list(part)) }),
  routed: shape({
    n: count,
    handle: text,
    sender: text,
    received: count,
    tenant: text,
    size: count,
    parts: list(part),
    stays: optional(flag),
  }),
  taken: shape({ n: count }),
  refused: shape({ n: count, why: text }),
  open: shape({ lane: text, hop }),
  job: shape({
    n: count,
    handle: text,
    to: texts,
    attempts: count,
    failures: optional(list(shape({ to: texts, reply }))),
    kind: optional(oneOf('failed', 'delayed')),
  }),
  done: shape({ n: count, outcomes: list(isOutcome), moved: optional(flag), trouble: optional(reply) }),
  check: shape({ n: count, handle: text, envelope: isEnvelope, filters: texts }),
  verdict: shape({
    n: count,
    verdict: oneOf('accept', 'reject', 'defer', 'quarantine'),
    by: optional(text),
    reply: optional(reply),
    prepend: optional(text),
    replaced: optional(flag),
  }),
  segment: shape({ n: count, segment: text, total: count, finished: optional(counts) }),
  'plan?': shape({ n: count }),
  plan: shape({ n: count, segments: list(shape({ segment: text, ordinals: counts })), outcomes: texts }),
  moved: shape({ n: count, segment: text, ordinals: counts }),
  gone: shape({ n: count, ordinals: counts }),
  folded: shape({ n: count, outcomes: texts }),
  walk: shape({ n: count, phase: oneOf('begin', 'end'), injected: optional(count) }),
  claim: shape({ n: count, ids: texts }),
  claimed: shape({ n: count, ids: texts, busy: texts, unknown: texts }),
  forget: shape({ n: count, ids: texts }),
  'stats?': shape({ n: count }),
  stats: shape({
    n: count,
    active: count,
    parked: count,
    walking: flag,
    segments: count,
    bins: list(bin),
    counts: (v) => typeof v === 'object' && v !== null,
  }),
};

const CHECKS = new Map<unknown, Check>(Object.entries(SHAPES));

/** The value as a frame, or undefined when it is none. */
export function asFrame(value: unknown): Frame | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const check = CHECKS.get((value as { t?: unknown }).t);
  return check?.(value) ? (value as Frame) : undefined;
}
