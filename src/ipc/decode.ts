/**
 * Shape checks of every frame: what a socket says is hostile until it passed here (rule 7). See src/mail/shapes.ts.
 */
import {
  count,
  counts,
  deliverBy,
  flag,
  hop,
  isEnvelope,
  isOutcome,
  list,
  oneOf,
  optional,
  reply,
  shape,
  text,
  texts,
  type Check,
} from '../mail/shapes.ts';
import { NOTICES } from '../mail/outcome.ts';
import type { Frame, FrameType } from './messages.ts';

const part = shape({
  hop,
  to: texts,
  attempts: optional(count),
  until: optional(count),
  notBefore: optional(count),
  reply: optional(reply),
  notice: optional(oneOf(...NOTICES)),
  warned: optional(flag),
});

const bin = shape({
  hop,
  waiting: count,
  lanes: count,
  inDelivery: count,
  until: optional(count),
  trouble: optional(reply),
});

const whereBin = shape({
  waiting: count,
  lanes: count,
  inDelivery: count,
  troubles: count,
  until: optional(count),
  tenants: optional(count),
});

const routed = {
  handle: text,
  sender: text,
  received: count,
  tenant: text,
  size: count,
  by: optional(deliverBy),
  parts: list(part),
  stays: optional(flag),
  probe: optional(flag),
  expanded: optional(count),
  made: optional(count),
};

const SHAPES: Readonly<Record<FrameType, Check>> = {
  hello: shape({ v: count, farm: text, worker: text, pid: count }),
  accepted: shape({
    n: count,
    handle: text,
    envelope: isEnvelope,
    only: optional(texts),
    tried: optional(texts),
    warned: optional(texts),
    parts: optional(list(part)),
    stays: optional(flag),
    size: optional(count),
    probe: optional(flag),
  }),
  routed: shape({ n: count, ...routed }),
  taken: shape({ n: count }),
  refused: shape({ n: count, why: text }),
  open: shape({ lane: text, hop }),
  job: shape({
    n: count,
    handle: text,
    next: optional(text),
    to: texts,
    attempts: count,
    failures: optional(list(shape({ to: texts, reply }))),
    kind: optional(oneOf('failed', 'delayed', ...NOTICES)),
  }),
  done: shape({
    n: count,
    outcomes: list(isOutcome),
    moved: optional(flag),
    elsewhere: optional(flag),
    trouble: optional(reply),
  }),
  'site?': shape({ n: count, next: text }),
  site: shape({ n: count, site: optional(text), ttl: count }),
  check: shape({ n: count, handle: text, envelope: isEnvelope, filters: texts }),
  verdict: shape({
    n: count,
    verdict: oneOf('accept', 'reject', 'defer', 'quarantine'),
    by: optional(text),
    reply: optional(reply),
    prepend: optional(text),
    replaced: optional(flag),
  }),
  leaving: shape({}),
  'at-work': shape({}),
  segment: shape({ n: count, segment: text, total: count, finished: optional(counts) }),
  'plan?': shape({ n: count }),
  plan: shape({ n: count, segments: list(shape({ segment: text, ordinals: counts })), outcomes: texts }),
  moved: shape({ n: count, segment: text, ordinals: counts, ids: texts }),
  gone: shape({ n: count, ordinals: counts }),
  folded: shape({ n: count, outcomes: texts }),
  walk: shape({
    n: count,
    phase: oneOf('begin', 'at', 'end'),
    id: optional(text),
    injected: optional(count),
    held: optional(count),
  }),
  claim: shape({ n: count, ids: texts }),
  claimed: shape({ n: count, ids: texts, busy: texts, unknown: texts }),
  forget: shape({
    n: count,
    ids: texts,
    probe: optional(flag),
    resumed: optional(shape({ t: oneOf('routed'), ...routed })),
    routing: optional(flag),
  }),
  'stats?': shape({ n: count }),
  stats: shape({
    n: count,
    active: count,
    parked: count,
    walking: flag,
    segments: count,
    bins: list(bin),
    counts: (v) => typeof v === 'object' && v !== null,
    books: shape({
      since: count,
      entered: count,
      made: count,
      delivered: count,
      bounced: count,
      dropped: count,
      expanded: count,
      held: count,
      vanished: count,
      commands: count,
      queued: count,
    }),
  }),
  'tenants?': shape({ n: count }),
  tenants: shape({
    n: count,
    tenants: list(shape({ name: text, queued: count, stalled: count, dedicated: count })),
  }),
  dedicate: shape({ n: count, tenant: text, lanes: count }),
  'work?': shape({ n: count, count: optional(flag) }),
  work: shape({
    n: count,
    busy: flag,
    since: count,
    taken: count,
    reported: count,
    inDelivery: count,
    delivered: count,
    bounced: count,
    left: count,
    held: count,
  }),
  'where?': shape({ n: count, ids: texts, closely: optional(flag) }),
  where: shape({
    n: count,
    parts: list(
      shape({
        id: text,
        hop,
        to: texts,
        inDelivery: optional(flag),
        until: optional(count),
        trouble: optional(reply),
        bin: optional(whereBin),
        ahead: optional(count),
        suspect: optional(flag),
        limited: optional(flag),
      }),
    ),
    claimed: optional(texts),
  }),
};

const CHECKS = new Map<unknown, Check>(Object.entries(SHAPES));

/** The value as a frame, or undefined when it is none. */
export function asFrame(value: unknown): Frame | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const check = CHECKS.get((value as { t?: unknown }).t);
  return check?.(value) ? (value as Frame) : undefined;
}
