/**
 * From a domain to the hosts that take its mail (RFC 5321 section 5.1), and from a host to its addresses.
 *
 * Answers are hostile: names are checked, numbers capped, equals shuffled. "There is none" is told apart from "could not ask": only the
 * first is final.
 */
import { isIP } from 'node:net';
import { oneLine } from '../base/text.ts';
import type { SmtpOut } from '../config/config.ts';
import { isPrivateAddress } from '../mail/private-address.ts';
import type { Answer } from './answer.ts';
import { addressesFromHosts } from './hosts-file.ts';
import { judgeMx, type MxHost } from './mx-hosts.ts';
import type { AddressFate, AddressReport, DomainReport, HostReport, Resolution } from './mx-report.ts';
import { ownAddresses } from './own-addresses.ts';
import type { DnsResolver } from './resolver.ts';

export interface MxOptions {
  readonly dns: DnsResolver;
  /** The name by which an MX record that points at us is known. */
  readonly hostname: string;
  readonly smtp: Pick<SmtpOut, 'port' | 'family' | 'allowPrivate'>;
  /** Addresses of our listeners, as in the configuration. */
  readonly listen: readonly string[];
  readonly hostsFile?: string | undefined;
}

/** Hosts asked for their addresses, addresses tried. */
const MAX_HOSTS = 10;
const MAX_TARGETS = 20;

export class MxResolver {
  readonly #options: MxOptions;

  constructor(options: MxOptions) {
    this.#options = options;
  }

  /** The hosts that take mail for a domain, best first. */
  async resolveDomain(domain: string): Promise<Resolution> {
    return (await this.examine(domain)).resolution;
  }

  /** As resolveDomain(), for a domain that an operator named: never final, or one slip of the pen would bounce all mail. */
  async resolveNamedDomain(domain: string): Promise<Resolution> {
    const resolution = await this.resolveDomain(domain);
    if ('targets' in resolution || resolution.reply.code < 500) return resolution;
    return misconfigured(resolution.reply.text);
  }

  /** The hosts alone, as its MX records name them; no addresses are asked for. None where the domain does not exist, or DNS fails. */
  async findHosts(domain: string): Promise<Pick<DomainReport, 'mx'> & { readonly hosts: readonly MxHost[] }> {
    const mx = await this.#options.dns.resolve(domain, 'MX');
    if (mx.kind === 'found') return { mx, hosts: judgeMx(mx.value, this.#options.hostname) };
    return { mx, hosts: mx.kind === 'none' ? [{ host: domain, preference: 0, fate: 'used' }] : [] };
  }

  /** As resolveDomain(), with all that was found on the way. */
  async examine(domain: string): Promise<DomainReport> {
    const mx = await this.#options.dns.resolve(domain, 'MX');
    const end = (resolution: Resolution, judged: readonly MxHost[] = []): DomainReport => {
      const hosts = judged.map((host) => ({ ...host, answers: [], addresses: [] }));
      return { domain, mx, hosts, resolution };
    };
    if (mx.kind === 'no-domain') return end(refuse('5.1.2', `domain ${domain} does not exist`));
    if (mx.kind === 'trouble') return end(defer(`MX of ${domain} could not be looked up: ${mx.why}`));
    if (mx.kind !== 'found') {
      const itself: readonly MxHost[] = [{ host: domain, preference: 0, fate: 'used' }];
      return { domain, mx, ...(await this.#toTargets(itself, domain, `domain ${domain} has neither MX nor address`)) };
    }
    const judged = judgeMx(mx.value, this.#options.hostname);
    const named = judged.filter(({ fate }) => fate !== 'null');
    if (named.length === 0) return end(refuse('5.1.10', `domain ${domain} takes no mail (null MX)`, 556), judged);
    const better = named.filter(({ fate }) => fate === 'used' || fate === 'bad-name');
    if (better.length === 0) return end(refuse('5.4.6', loop(domain)), judged);
    return { domain, mx, ...(await this.#toTargets(judged, domain, `no MX of ${domain} has an address`)) };
  }

  /** The addresses of one host, named by an operator: any address is good, also of this machine. Never final. */
  async resolveHost(host: string, port: number): Promise<Resolution> {
    if (isIP(host) !== 0) return { targets: [{ host, address: host, port }] };
    const own = await this.#ofMachine(host);
    const asked = own.length > 0 ? [] : await this.#askAddresses(host);
    const addresses = own.length > 0 ? own : mixed(asked);
    if (addresses.length > 0) return { targets: addresses.map((address) => ({ host, address, port })) };
    const why = troubleOf(asked);
    return why === undefined
      ? misconfigured(`host ${host} has no address`)
      : defer(`address of ${host} could not be looked up: ${why}`);
  }

  async #toTargets(
    judged: readonly MxHost[],
    domain: string,
    none: string,
  ): Promise<Pick<DomainReport, 'hosts' | 'resolution'>> {
    const { smtp } = this.#options;
    const inOrder = order(judged.filter(({ fate }) => fate === 'used'));
    const asked = await Promise.all(
      inOrder.slice(0, MAX_HOSTS).map(async (host) => {
        const answers = await this.#askAddresses(host.host);
        return { ...host, answers, addresses: mixed(answers) };
      }),
    );
    const reports = this.#judgeAddresses(asked);
    const rest = [...inOrder.slice(MAX_HOSTS).map(beyond), ...judged.filter(({ fate }) => fate !== 'used')];
    const hosts = [...reports, ...rest.map((host) => ({ ...host, answers: [], addresses: [] }))];
    const targets = reports.flatMap(({ host, addresses }) =>
      addresses.filter(isUsed).map(({ address }) => ({ host, address, port: smtp.port })),
    );
    const resolution = targets.length > 0 ? { targets } : whyNone(reports, domain, none);
    return { hosts, resolution: { ...resolution, hosts: judged } };
  }

  #judgeAddresses(hosts: readonly (Omit<HostReport, 'addresses'> & { readonly addresses: string[] })[]): HostReport[] {
    const { smtp, listen } = this.#options;
    const isOwn = ownAddresses(listen, smtp.port);
    const isPrivate = (address: string): boolean => !smtp.allowPrivate && isPrivateAddress(address);
    const own = hosts.filter(({ addresses }) => addresses.some((one) => !isPrivate(one) && isOwn(one)));
    const limit = Math.min(...own.map(({ preference }) => preference));
    const judged = hosts.map((host) => {
      const fateOf = (address: string): AddressFate => {
        if (isPrivate(address)) return 'private';
        if (isOwn(address)) return 'own';
        return host.preference < limit ? 'used' : 'behind-own';
      };
      return { ...host, addresses: host.addresses.map((address) => ({ address, fate: fateOf(address) })) };
    });
    const good = judged.filter(({ addresses }) => addresses.some(isUsed)).length;
    return judged.map((host) => ({ ...host, addresses: fairShare(host.addresses, Math.floor(MAX_TARGETS / good)) }));
  }

  /** AAAA and A, as far as they are wanted. */
  #askAddresses(host: string): Promise<Answer<string>[]> {
    const { dns, smtp } = this.#options;
    const types = (['AAAA', 'A'] as const).filter((type) => smtp.family !== (type === 'A' ? 'ipv6' : 'ipv4'));
    return Promise.all(types.map((type) => dns.resolve(host, type)));
  }

  /** What needs no DNS. */
  async #ofMachine(host: string): Promise<string[]> {
    const { family } = this.#options.smtp;
    const file = this.#options.hostsFile ?? '/etc/hosts';
    const all = host === 'localhost' ? ['127.0.0.1', '::1'] : await addressesFromHosts(file, host);
    return all.filter((address) => family === 'any' || (family === 'ipv6') === (isIP(address) === 6));
  }
}

/** The answer for a domain of whose hosts no address is of use. */
function whyNone(hosts: readonly HostReport[], domain: string, none: string): Resolution {
  const why = troubleOf(hosts.flatMap(({ answers }) => answers));
  if (why !== undefined) return defer(`address of ${hosts[0]?.host} could not be looked up: ${why}`);
  const all = hosts.flatMap(({ host, addresses }) => addresses.map((one) => ({ ...one, host })));
  if (all.some(({ fate }) => fate === 'own')) return refuse('5.4.6', loop(domain));
  const [first] = all;
  if (first === undefined) return refuse('5.4.4', none);
  return refuse('5.4.6', `${first.host} leads to a loopback or private address, ${first.address}`);
}

function troubleOf(answers: readonly Answer<string>[]): string | undefined {
  return answers.find((answer) => answer.kind === 'trouble')?.why;
}

/** All families by turns, so that one that does not work costs one try. */
function mixed(answers: readonly Answer<string>[]): string[] {
  const lists = answers.map((answer) => (answer.kind === 'found' ? shuffle(answer.value) : []));
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const rows = Array.from({ length: longest }, (_, at) => lists.map((list) => list[at]));
  return [...new Set(rows.flat())].filter((address) => address !== undefined);
}

/** By preference, equals by chance. */
function order(hosts: readonly MxHost[]): MxHost[] {
  return shuffle(hosts).toSorted((a, b) => a.preference - b.preference);
}

/** As many of each host, so that one with many addresses leaves room for the others: at least one of each family. */
function fairShare(addresses: readonly AddressReport[], share: number): AddressReport[] {
  let left = share;
  return addresses.map((one) => {
    if (!isUsed(one)) return one;
    left -= 1;
    return left < 0 ? { ...one, fate: 'beyond' } : one;
  });
}

function isUsed({ fate }: AddressReport): boolean {
  return fate === 'used';
}

function beyond(host: MxHost): MxHost {
  return { ...host, fate: 'beyond' };
}

function shuffle<T>(list: readonly T[]): T[] {
  const keyed = list.map((value) => ({ value, key: Math.random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value);
}

function loop(domain: string): string {
  return `mail for ${domain} loops back to this host`;
}

function refuse(status: string, text: string, code = 550): Resolution {
  return { reply: { code, status, text: oneLine(text) } };
}

/** For what an operator named. */
function misconfigured(text: string): Resolution {
  return { reply: { code: 451, status: '4.3.5', text: oneLine(text) } };
}

function defer(text: string): Resolution {
  return { reply: { code: 451, status: '4.4.3', text: oneLine(text) } };
}
