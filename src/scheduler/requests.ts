/** What other processes ask of the scheduler, frame by frame. */
import type { Stats, Where, WhereRequest } from '../ipc/insight.ts';
import type { Frame, Routed, Walk } from '../ipc/messages.ts';
import type { Peer } from '../ipc/peer.ts';
import { idOfHandle } from '../queue/handle.ts';
import type { WaitingIndex } from '../queue/waiting-index.ts';
import type { Audit } from './audit.ts';
import type { Claims } from './claims.ts';
import type { Conductor } from './conductor.ts';
import type { OnceRead } from './once-read.ts';
import type { Segments } from './segments.ts';
import { tellTenants } from './tenants.ts';
import { whereAre } from './where.ts';
import { workLeft } from './work-left.ts';

export interface RequestsOptions {
  readonly conductor: Conductor;
  readonly claims: Claims;
  readonly segments: Segments;
  /** Absent: this is the first scheduler. */
  readonly before?: OnceRead;
  readonly index: Pick<WaitingIndex, 'size' | 'countMessages'>;
  readonly audit: Pick<Audit, 'books'>;
  readonly onEvent: (event: string, fields: Record<string, unknown>) => void;
}

const STATS_BINS = 100;

/** Serves one connection until it ends. */
export function serveRequests(peer: Peer, options: RequestsOptions): void {
  const { conductor, claims, segments, onEvent } = options;
  const claimedHere = new Set<string>();
  /** A plan was given out here of which the settler did not show that it went through all of it, by asking for more. */
  let planned = false;
  peer.onClose = (why) => {
    claims.giveBack([...claimedHere], peer);
    if (planned) segments.planLost();
    if (why.startsWith('bad frame')) onEvent('bad-frame', { from: peer.hello.worker, why });
  };
  const answers: { [T in Frame['t']]?: (frame: Extract<Frame, { t: T }>) => void } = {
    routed: (frame) => takeRouted(peer, frame, options),
    segment: (frame) => {
      segments.close(frame.segment, frame.total, frame.finished ?? []);
      peer.send({ t: 'taken', n: frame.n });
    },
    'plan?': (frame) => {
      const plan = segments.plan();
      planned = plan.segments.length > 0 || plan.outcomes.length > 0;
      peer.send({ t: 'plan', n: frame.n, ...plan });
    },
    moved: ({ n, segment, ordinals, ids }) => {
      peer.send({ t: 'gone', n, ordinals: conductor.ledger.settled(segment, ordinals, ids) });
    },
    folded: (frame) => {
      segments.folded(frame.outcomes);
      peer.send({ t: 'taken', n: frame.n });
    },
    walk: (frame) => {
      noteWalk(frame, options);
      peer.send({ t: 'taken', n: frame.n });
    },
    claim: (frame) => {
      const claimed = claims.claim(frame.ids, peer);
      for (const id of [...claimed.ids, ...claimed.unknown]) claimedHere.add(id);
      peer.send({ t: 'claimed', n: frame.n, ...claimed });
    },
    forget: (frame) => {
      const mine = frame.ids.filter((id) => claimedHere.has(id));
      if (frame.routing) claims.expect(mine);
      else {
        for (const id of mine) claimedHere.delete(id);
        claims.forget(mine, frame.probe === true);
      }
      // In this turn, so that there is no moment in which nobody has it. What was in the deleted queue was claimed by nobody.
      if (frame.resumed) conductor.take(frame.resumed);
      peer.send({ t: 'taken', n: frame.n });
    },
    'stats?': (frame) => peer.send(collectStats(frame.n, options)),
    'tenants?': (frame) => peer.send({ t: 'tenants', n: frame.n, tenants: tellTenants(conductor.homes.tenants) }),
    dedicate: ({ n, tenant, lanes }) => {
      const why = conductor.homes.dedicate(tenant, lanes);
      onEvent('dedicated', { tenant, lanes, ...(why === undefined ? {} : { why }) });
      peer.send(why === undefined ? { t: 'taken', n } : { t: 'refused', n, why });
    },
    'work?': (frame) => peer.send({ t: 'work', n: frame.n, ...workLeft(options, frame.count === true) }),
    'where?': (frame) => peer.send(tellWhere(frame, conductor)),
  };
  peer.onFrame = (frame) => {
    const answer = answers[frame.t] as ((frame: Frame) => void) | undefined;
    if (answer) return answer(frame);
    if ('n' in frame) peer.send({ t: 'refused', n: frame.n, why: `the scheduler takes no ${frame.t}` });
  };
}

function tellWhere({ n, ids, closely }: WhereRequest, conductor: Conductor): Where {
  const claimed = ids.filter((id) => conductor.ledger.claimed.has(id));
  const parts = whereAre(ids, conductor, closely === true);
  return { t: 'where', n, parts, ...(claimed.length > 0 && { claimed }) };
}

function noteWalk({ phase, id, held = 0 }: Walk, { conductor, segments, before }: RequestsOptions): void {
  const { ledger, counts } = conductor;
  if (phase === 'begin') ledger.walkBegins();
  if (phase === 'at' && id !== undefined) ledger.walkIsAt(id);
  if (phase === 'end') {
    ledger.walkEnds();
    before?.forget();
    counts.held = held;
  }
  segments.walking = ledger.walking;
}

function takeRouted(peer: Peer, frame: Routed, { conductor, claims, before }: RequestsOptions): void {
  const take = (left: Routed | undefined): void => {
    // It may have waited: a router that is gone meanwhile did not hear that it was taken, and it is handed on again.
    if (peer.closed) return;
    claims.arrives(frame.handle);
    if (left) conductor.take(left);
    peer.send({ t: 'taken', n: frame.n });
  };
  if (peer.hello.farm === 'router' && before) before.strip(frame, idOfHandle(frame.handle), take);
  else take(frame);
}

function collectStats(n: number, options: RequestsOptions): Stats {
  const { conductor, segments, index, audit } = options;
  const bins = [...conductor.homes.bins.all()].map((bin) => ({
    hop: bin.hop,
    waiting: bin.length + bin.parked,
    lanes: bin.lanes.size,
    inDelivery: [...bin.lanes].reduce((sum, lane) => sum + lane.inFlight, 0),
    ...(bin.until > 0 ? { until: conductor.clock.timeOf(bin.until) } : {}),
    ...(bin.trouble ? { trouble: bin.trouble } : {}),
  }));
  bins.sort((a, b) => b.waiting - a.waiting);
  return {
    t: 'stats',
    n,
    active: conductor.active,
    parked: index.size,
    walking: conductor.ledger.walking,
    segments: segments.size,
    bins: bins.slice(0, STATS_BINS),
    counts: { ...conductor.counts },
    books: audit.books(),
  };
}
