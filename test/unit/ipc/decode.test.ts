import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asFrame } from '../../../src/ipc/decode.ts';
import type { Frame, FrameType } from '../../../src/ipc/messages.ts';

const hop = { channel: 'smtp', next: '[192.0.2.1]:25' } as const;
const reply = { code: 451, status: '4.4.1', text: 'later', remote: 'mx [192.0.2.1]:25' };
const envelope = {
  sender: 'a@b.example',
  recipients: [{ address: 'c@d.example', dsn: { notify: ['NEVER'], orcpt: 'rfc822;c@d.example' } }],
  received: 1,
  tenant: 'default',
  origin: { via: 'smtp', ip: '192.0.2.9', helo: 'x', listener: 'y', user: 'z' },
  body: '8BITMIME',
  smtputf8: true,
  ret: 'HDRS',
  envid: 'e',
  notBefore: 9,
  deliverBy: { at: 5, mode: 'R', trace: true },
  settles: { id: 'x', recipients: ['q@r'] },
} as const;
const part = { hop, to: ['c@d.example'], attempts: 1, until: 5, notBefore: 6, reply, warned: true };
const outcome = {
  state: 'deferred',
  recipients: ['c@d'],
  at: 1,
  attempts: 2,
  until: 3,
  hop,
  afresh: true,
  reply,
  into: ['x@y'],
  why: 'w',
} as const;

/** One of each, with every optional field. */
const EVERY: { readonly [T in FrameType]: Extract<Frame, { t: T }> } = {
  hello: { t: 'hello', v: 1, farm: 'router', worker: 'router-1', pid: 7 },
  accepted: {
    t: 'accepted',
    n: 1,
    handle: 'h',
    envelope,
    only: ['x'],
    tried: ['x'],
    warned: ['x'],
    parts: [part],
    stays: true,
    size: 9,
    probe: true,
  },
  routed: {
    t: 'routed',
    n: 1,
    handle: 'h',
    sender: '',
    received: 1,
    tenant: 't',
    size: 2,
    by: { at: 3, mode: 'N', trace: false },
    parts: [part],
    stays: true,
    probe: true,
    expanded: 1,
    made: 2,
  },
  taken: { t: 'taken', n: 1 },
  refused: { t: 'refused', n: 1, why: 'w' },
  open: { t: 'open', lane: 'smtp-1', hop },
  job: { t: 'job', n: 1, handle: 'h', to: ['x'], attempts: 0, failures: [{ to: ['x'], reply }], kind: 'failed' },
  done: { t: 'done', n: 1, outcomes: [outcome], moved: true, trouble: reply },
  check: { t: 'check', n: 1, handle: 'h', envelope, filters: ['structure'] },
  verdict: { t: 'verdict', n: 1, verdict: 'reject', by: 'f', reply, prepend: 'X: y\r\n', replaced: true },
  leaving: { t: 'leaving' },
  'at-work': { t: 'at-work' },
  segment: { t: 'segment', n: 1, segment: 'journal/x', total: 3, finished: [1] },
  'plan?': { t: 'plan?', n: 1 },
  plan: { t: 'plan', n: 1, segments: [{ segment: 's', ordinals: [1, 2] }], outcomes: ['o'] },
  moved: { t: 'moved', n: 1, segment: 's', ordinals: [1], ids: ['x'] },
  gone: { t: 'gone', n: 1, ordinals: [1] },
  folded: { t: 'folded', n: 1, outcomes: ['o'] },
  walk: { t: 'walk', n: 1, phase: 'end', injected: 4 },
  claim: { t: 'claim', n: 1, ids: ['x'] },
  claimed: { t: 'claimed', n: 1, ids: ['x'], busy: ['y'], unknown: ['z'] },
  forget: {
    t: 'forget',
    n: 1,
    ids: ['x'],
    probe: true,
    resumed: { t: 'routed', handle: 'h', sender: 's', received: 1, tenant: 'd', size: 2, parts: [{ hop, to: ['x'] }] },
    routing: true,
  },
  'stats?': { t: 'stats?', n: 1 },
  stats: {
    t: 'stats',
    n: 1,
    active: 1,
    parked: 2,
    walking: false,
    segments: 3,
    bins: [{ hop, waiting: 1, lanes: 1, inDelivery: 1, until: 9, trouble: reply }],
    counts: { taken: 1 },
    books: {
      since: 1,
      entered: 1,
      made: 1,
      delivered: 1,
      bounced: 1,
      dropped: 1,
      expanded: 1,
      held: 1,
      vanished: 1,
      commands: 1,
      queued: 1,
    },
  },
  'site?': { t: 'site?', n: 1, next: 'mx:example.org' },
  site: { t: 'site', n: 1, site: 'mx.example.org', ttl: 60_000 },
  'tenants?': { t: 'tenants?', n: 1 },
  tenants: { t: 'tenants', n: 1, tenants: [{ name: 'shop', queued: 3, stalled: 1, dedicated: 2 }] },
  dedicate: { t: 'dedicate', n: 1, tenant: 'shop', lanes: 2 },
  'work?': { t: 'work?', n: 1, count: true },
  work: {
    t: 'work',
    n: 1,
    busy: true,
    since: 1,
    taken: 1,
    reported: 1,
    inDelivery: 1,
    delivered: 1,
    bounced: 1,
    left: 1,
    held: 1,
  },
  'where?': { t: 'where?', n: 1, ids: ['x'] },
  where: { t: 'where', n: 1, parts: [{ id: 'x', hop, to: ['a@x'], inDelivery: true, until: 9, trouble: reply }] },
};

/** None of these is right for any field. */
const WRONG: readonly unknown[] = [null, Symbol.iterator, [null], [[]], { length: 1 }, -1, 0.5, Number.NaN];

/** Every path to a field in a value, arrays and nested objects included. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.keys(value).flatMap((key) => pathsOf(Reflect.get(value, key), [...path, key])),
  ];
}

function replaceAt(value: unknown, path: readonly string[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy: unknown = Array.isArray(value) ? [...value] : { ...(value as object) };
  Reflect.set(copy as object, key, replaceAt(Reflect.get(value as object, key), rest, by));
  return copy;
}

describe('the shape of frames', () => {
  for (const frame of Object.values(EVERY)) {
    it(`accepts ${frame.t}, with and without its optional fields`, () => {
      assert.equal(asFrame(frame), frame);
      const through = JSON.parse(JSON.stringify(frame)) as unknown;
      assert.deepEqual(asFrame(through), frame);
    });

    it(`refuses ${frame.t} when any field is of the wrong type`, () => {
      for (const path of pathsOf(frame)) {
        for (const wrong of WRONG) {
          // The figures of stats are shown, not used, and every wish of a recipient is optional: any object will do.
          if (frame.t === 'stats' && path[0] === 'counts') continue;
          if (path.at(-1) === 'dsn' && typeof wrong === 'object' && wrong !== null) continue;
          assert.equal(asFrame(replaceAt(frame, path, wrong)), undefined, `${path.join('.')} = ${String(wrong)}`);
        }
      }
    });
  }

  it('refuses what is no frame at all', () => {
    for (const value of [undefined, null, 1, 'hello', [], {}, { t: 1 }, { t: 'hello' }, { t: 'toString' }, () => 1]) {
      assert.equal(asFrame(value), undefined);
    }
  });

  it('refuses strings and lists beyond any reason', () => {
    assert.equal(asFrame({ t: 'refused', n: 1, why: 'x'.repeat(100_000) }), undefined);
    assert.equal(asFrame({ t: 'forget', n: 1, ids: Array.from({ length: 100_001 }, () => 'x') }), undefined);
  });
});
