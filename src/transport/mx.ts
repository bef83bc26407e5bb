/**
 * From a domain to the hosts that take its mail (RFC 5321 section 5.1), and from a host to its addresses.
 *
 * It asks by c-ares, never by getaddrinfo, whose few threads a dead domain would hold. Answers are hostile: names are
 * checked, numbers capped, equals shuffled. "There is none" is told apart from "could not ask": only the first is final.
 */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { errorCode } from '../base/text.ts';
import type { Reply } from '../mail/outcome.ts';
import type { Target } from './channels/smtp/dial.ts';
import { isPrivateAddress } from '../mail/private-address.ts';
import { addressesFromHosts } from './hosts-file.ts';
import { reply } from './replies.ts';
import type { SessionSettings } from './settings.ts';

export type Resolution = { readonly targets: readonly Target[] } | { readonly reply: Reply };

/** MX records looked at, hosts asked for their addresses, addresses tried. */
const MAX_RECORDS = 100;
const MAX_HOSTS = 10;
const MAX_TARGETS = 20;
/** Time for one question to one server, in ms, and how often it is asked. */
const QUESTION_MS = 5000;
const TRIES = 2;

const HOST = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

type Answer<T> = { readonly kind: 'found'; readonly value: T } | { readonly kind: 'none' | 'no-domain' | 'trouble' };
type MxSettings = Pick<SessionSettings, 'hostname' | 'port' | 'family' | 'allowPrivate' | 'resolvers'>;

export class MxResolver {
  readonly #settings: MxSettings;
  readonly #hostsFile: string;
  readonly #resolver = new Resolver({ timeout: QUESTION_MS, tries: TRIES });

  constructor(settings: MxSettings, hostsFile = '/etc/hosts') {
    this.#settings = settings;
    this.#hostsFile = hostsFile;
    const { resolvers } = settings;
    if (resolvers.length > 0) this.#resolver.setServers([...resolvers]);
  }

  /** The hosts that take mail for a domain, best first. */
  async resolveDomain(domain: string): Promise<Resolution> {
    const answer = await ask(this.#resolver.resolveMx(domain));
    if (answer.kind === 'no-domain') return refuse('5.1.2', `domain ${domain} does not exist`);
    if (answer.kind === 'trouble') return defer(`MX of ${domain} could not be looked up`);
    const records = answer.kind === 'found' ? answer.value.slice(0, MAX_RECORDS) : [];
    if (records.length === 0) return this.#toTargets([domain], `domain ${domain} has neither MX nor address`);
    const hosts = records.map(({ exchange, priority }) => ({ host: canonical(exchange), priority }));
    const named = hosts.filter(({ host }) => host !== '');
    if (named.length === 0) return refuse('5.1.10', `domain ${domain} takes no mail (null MX)`, 556);
    const better = this.#betterThanSelf(named);
    if (better.length === 0) return refuse('5.4.6', `mail for ${domain} loops back to this host`);
    const usable = better.filter(({ host }) => HOST.test(host) && isIP(host) === 0);
    return this.#toTargets(order(usable), `no MX of ${domain} has an address`);
  }

  /** As resolveDomain(), for a domain that an operator named: never final, or one slip of the pen would bounce all mail. */
  async resolveNamedDomain(domain: string): Promise<Resolution> {
    const resolution = await this.resolveDomain(domain);
    if ('targets' in resolution || resolution.reply.code < 500) return resolution;
    return misconfigured(resolution.reply.text);
  }

  /** The addresses of one host, named by an operator: any address is good, also of this machine. Never final. */
  async resolveHost(host: string, port: number): Promise<Resolution> {
    if (isIP(host) !== 0) return { targets: [{ host, address: host, port }] };
    const own = await this.#ownAddresses(host);
    const found = own.length > 0 ? { addresses: own, trouble: false } : await this.#addresses(host);
    if (found.addresses.length > 0) return { targets: found.addresses.map((address) => ({ host, address, port })) };
    return found.trouble
      ? defer(`address of ${host} could not be looked up`)
      : misconfigured(`host ${host} has no address`);
  }

  /** Records of lower preference than our own lead back to us (RFC 5321 section 5.1). */
  #betterThanSelf<R extends { readonly host: string; readonly priority: number }>(records: readonly R[]): R[] {
    const own = records.filter(({ host }) => host === this.#settings.hostname.toLowerCase());
    const limit = Math.min(...own.map(({ priority }) => priority));
    return records.filter(({ priority }) => priority < limit);
  }

  async #toTargets(hosts: readonly string[], none: string): Promise<Resolution> {
    const asked = hosts.slice(0, MAX_HOSTS);
    const answers = await Promise.all(asked.map(async (host) => ({ host, ...(await this.#addresses(host)) })));
    const all = answers.flatMap(({ host, addresses }) => addresses.map((address) => ({ host, address })));
    const allowed = this.#settings.allowPrivate ? all : all.filter(({ address }) => !isPrivateAddress(address));
    const targets = fairShare(allowed).map((target) => ({ ...target, port: this.#settings.port }));
    if (targets.length > 0) return { targets };
    if (answers.some(({ trouble }) => trouble)) return defer(`address of ${asked[0]} could not be looked up`);
    if (all.length > 0)
      return refuse('5.4.6', `${all[0]?.host} leads to a loopback or private address, ${all[0]?.address}`);
    return refuse('5.4.4', none);
  }

  /** Both families by turns, so that one that does not work costs one try. */
  async #addresses(host: string): Promise<{ readonly addresses: string[]; readonly trouble: boolean }> {
    const { family } = this.#settings;
    const [four, six] = await Promise.all([
      family === 'ipv6' ? NONE : ask(this.#resolver.resolve4(host)),
      family === 'ipv4' ? NONE : ask(this.#resolver.resolve6(host)),
    ]);
    const lists = [six, four].map((answer) => (answer.kind === 'found' ? shuffle(answer.value) : []));
    return {
      addresses: interleave(lists[0] ?? [], lists[1] ?? []),
      trouble: [four, six].some(({ kind }) => kind === 'trouble'),
    };
  }

  /** What needs no DNS. */
  async #ownAddresses(host: string): Promise<string[]> {
    const { family } = this.#settings;
    const all = host === 'localhost' ? ['127.0.0.1', '::1'] : await addressesFromHosts(this.#hostsFile, host);
    return all.filter((address) => family === 'any' || (family === 'ipv6') === (isIP(address) === 6));
  }
}

const NONE: Answer<string[]> = { kind: 'none' };

async function ask<T>(question: Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: 'found', value: await question };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOTFOUND') return { kind: 'no-domain' };
    // Never "none" for SERVFAIL, REFUSED, a timeout or nonsense: mail would go astray, or bounce, over a sick DNS server.
    return { kind: code === 'ENODATA' ? 'none' : 'trouble' };
  }
}

function canonical(exchange: string): string {
  return exchange.toLowerCase().replace(/\.$/, '');
}

function order(records: readonly { readonly host: string; readonly priority: number }[]): string[] {
  const sorted = shuffle(records).toSorted((a, b) => a.priority - b.priority);
  return [...new Set(sorted.map(({ host }) => host))];
}

/** As many of each host, so that one with many addresses leaves room for the others: at least one of each family. */
function fairShare<T extends { readonly host: string }>(targets: readonly T[]): T[] {
  const hosts = [...Map.groupBy(targets, ({ host }) => host).values()];
  return hosts.flatMap((of) => of.slice(0, Math.floor(MAX_TARGETS / hosts.length)));
}

function shuffle<T>(list: readonly T[]): T[] {
  const keyed = list.map((value) => ({ value, key: Math.random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value);
}

function interleave(a: readonly string[], b: readonly string[]): string[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, at) => [a[at], b[at]])
    .flat()
    .filter((value) => value !== undefined);
}

function refuse(status: string, text: string, code = 550): Resolution {
  return { reply: reply({ code, status, text }) };
}

/** For what an operator named. */
function misconfigured(text: string): Resolution {
  return { reply: reply({ code: 451, status: '4.3.5', text }) };
}

function defer(text: string): Resolution {
  return { reply: reply({ code: 451, status: '4.4.3', text }) };
}
