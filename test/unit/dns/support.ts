/** What tests of the resolver share: one that asks a given server, and a clock that they set. */
import type { Answer } from '../../../src/dns/answer.ts';
import { MxResolver, type MxOptions } from '../../../src/dns/mx-resolver.ts';
import type { Resolution } from '../../../src/dns/mx-report.ts';
import { DnsResolver, type ResolverOptions } from '../../../src/dns/resolver.ts';

/** A resolver that asks one server. */
export function makeDns(server: string, options: Partial<ResolverOptions> = {}): DnsResolver {
  return new DnsResolver({ resolvers: [server], dnssec: false, ...options });
}

/** Milliseconds that go on by hand. */
export function makeClock(): { now: number; readonly ticks: () => number } {
  const clock = { now: 1_000_000, ticks: () => clock.now };
  return clock;
}

/** The values found, or what was found instead. */
export function summary<T>(answer: Answer<T>): readonly T[] | string {
  return answer.kind === 'found' ? answer.value : answer.kind;
}

/** Why it is trouble. */
export function whyOf(answer: Answer<unknown>): string {
  return answer.kind === 'trouble' ? answer.why : `${answer.kind}, no trouble`;
}

export const SELF = 'mx.mailfarm.test';
const PUBLIC = { port: 25, family: 'any', allowPrivate: false } as const;

export type MxChanges = Partial<MxOptions['smtp']> & {
  readonly listen?: readonly string[];
  readonly hostsFile?: string;
};

/** What a transport asks, with one server; `listen` are addresses of our own listeners. */
export function makeMxResolver(server: string, { listen = [], hostsFile, ...smtp }: MxChanges = {}): MxResolver {
  const dns = makeDns(server);
  return new MxResolver({ dns, hostname: SELF, smtp: { ...PUBLIC, ...smtp }, listen, hostsFile });
}

/** Where mail goes, in order. */
export function addresses(resolution: Resolution): string[] {
  return 'targets' in resolution ? resolution.targets.map(({ address }) => address) : [];
}

/** `550 5.1.2`, or `targets`. */
export function status(resolution: Resolution): string {
  return 'reply' in resolution ? `${resolution.reply.code} ${resolution.reply.status}` : 'targets';
}
