/**
 * From a hop's `next` to an open session: names resolved, one address after the other tried.
 *
 * The next address is tried when one cannot be reached, is silent, or greets with a refusal; what is said later is the answer.
 * No host hides another: each gets its try, however long the ones before it took.
 */
import { DRILL_DOMAIN, drillOfHop } from '../../../mail/drill-address.ts';
import type { Resolution } from '../../../dns/mx-report.ts';
import type { MxResolver } from '../../../dns/mx-resolver.ts';
import type { Reply } from '../../../mail/outcome.ts';
import { readDrillLease } from '../../../process/drill-lease.ts';
import { reply } from '../../replies.ts';
import type { SessionSettings } from '../../settings.ts';
import type { Opened } from './deliverer.ts';
import type { Target } from './dial.ts';
import { openSession, Session } from './session.ts';

/** What a `next` says (see Hop.next). */
type NextHop =
  /** `named`: by an operator, in a route; else it is the recipient's domain. */
  | { readonly kind: 'mx'; readonly domain: string; readonly named: boolean }
  | { readonly kind: 'host'; readonly host: string; readonly port: number }
  | { readonly kind: 'path'; readonly path: string }
  /** The sink of a drill, on this machine. */
  | { readonly kind: 'drill'; readonly run: string };

/** After so many times connectMs no second address of a host is tried, but of every host still one. */
const PATIENCE = 4;
/** After this time no further host is tried, in ms: other mail has its turn. */
const MOST_MS = 15 * 60_000;
/** How many times connectMs a host may take from the connection to the reply to EHLO while others wait for their turn. */
const GREETING_PATIENCE = 2;

/** Undefined for what is no next hop of SMTP or LMTP. */
export function parseNext(next: string, defaultPort: number): NextHop | undefined {
  if (next.startsWith('mx:')) return { kind: 'mx', domain: next.slice(3), named: false };
  if (next.startsWith('route:')) return { kind: 'mx', domain: next.slice(6), named: true };
  if (next.startsWith('unix:')) return { kind: 'path', path: next.slice(5) };
  const run = drillOfHop(next);
  if (run !== undefined) return { kind: 'drill', run };
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(next);
  if (match === null) return undefined;
  const host = (match[1] ?? '').replace(/^IPv6:/i, '');
  return { kind: 'host', host, port: match[2] === undefined ? defaultPort : Number(match[2]) };
}

export interface NextHopOptions {
  readonly next: string;
  readonly lmtp: boolean;
  readonly settings: SessionSettings;
  readonly resolver: MxResolver;
  readonly signal: AbortSignal;
}

/** Opens a session to the first of the next hop's addresses that takes us. */
export async function openNextHop(options: NextHopOptions): Promise<Opened> {
  const resolution = await resolveNext(options);
  if ('reply' in resolution) return { reply: resolution.reply, trouble: resolution.reply.code < 500 };
  return openTargets(resolution.targets, options);
}

/** The same, where its addresses are known. */
export async function openTargets(
  targets: readonly Target[],
  { settings, lmtp, signal }: Omit<NextHopOptions, 'next' | 'resolver'>,
): Promise<Opened> {
  const started = Date.now();
  const deadline = started + PATIENCE * settings.connectMs;
  const tried = new Set<string>();
  let last: Reply | undefined;
  for (const [at, target] of targets.entries()) {
    if (signal.aborted || (last !== undefined && Date.now() > started + MOST_MS)) break;
    if (tried.has(target.host) && Date.now() > deadline) continue;
    tried.add(target.host);
    const others = targets.slice(at + 1).some(({ host }) => !tried.has(host));
    const patienceMs = others ? GREETING_PATIENCE * settings.connectMs : undefined;
    const opened = await openSession({ target, lmtp, settings, signal, patienceMs });
    if (opened instanceof Session) return opened;
    last = opened;
  }
  return { reply: last ?? reply({ code: 451, status: '4.4.1', text: 'no address to connect to' }), trouble: true };
}

/** Addresses to try, or the answer in their place. */
type Way = { readonly targets: readonly Target[] } | { readonly reply: Reply };

async function resolveNext({ next, lmtp, settings, resolver }: Omit<NextHopOptions, 'signal'>): Promise<Way> {
  const hop = parseNext(next, lmtp ? 24 : settings.port);
  if (hop === undefined) return notUnderstood(next);
  if (hop.kind === 'mx') return resolveMx(hop, resolver);
  if (hop.kind === 'host') return resolver.resolveHost(hop.host, hop.port);
  if (hop.kind === 'drill') return resolveDrill(hop.run);
  return { targets: [{ host: hop.path, address: hop.path }] };
}

/** As resolveNext(), for a next hop whose hosts DNS names, in the lane of a site. */
export async function resolveInSite(next: string, resolver: MxResolver): Promise<Resolution> {
  const hop = parseNext(next, 25);
  return hop?.kind === 'mx' ? resolveMx(hop, resolver) : notUnderstood(next);
}

function resolveMx({ domain, named }: Extract<NextHop, { kind: 'mx' }>, resolver: MxResolver): Promise<Resolution> {
  return named ? resolver.resolveNamedDomain(domain) : resolver.resolveDomain(domain);
}

function notUnderstood(next: string): { readonly reply: Reply } {
  return { reply: reply({ code: 451, status: '4.3.5', text: `next hop ${next} is not understood` }) };
}

/** Only ever this machine. What a drill left behind that ended or died fails here, at its next attempt. */
function resolveDrill(run: string): Way {
  const lease = readDrillLease(run);
  if (lease !== undefined) return { targets: [{ host: '127.0.0.1', address: '127.0.0.1', port: lease.port }] };
  return {
    reply: reply({ code: 550, status: '5.1.2', text: `domain ${DRILL_DOMAIN} does not exist: no such drill runs` }),
  };
}
