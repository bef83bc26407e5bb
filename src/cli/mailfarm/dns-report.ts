/** What was found of a domain, for people and for programs. */
import type { Answer } from '../../dns/answer.ts';
import type { HostFate } from '../../dns/mx-hosts.ts';
import type { AddressFate, AddressReport, DomainReport, HostReport, Resolution } from '../../dns/mx-report.ts';
import { siteOf } from '../../dns/site.ts';
import type { Output } from '../common/context.ts';
import { formatPairs, printTable, type Column } from '../common/table.ts';

export interface PrintOptions {
  readonly json: boolean;
  /** Milliseconds for which an answer is still remembered. */
  readonly holdsFor: (answer: Answer<unknown>) => number;
}

/** One line of the table: an address, or a host without one. */
interface Row {
  readonly host: HostReport;
  readonly address?: AddressReport;
  readonly answer?: Answer<string> | undefined;
}

const HOST_WORDS: Readonly<Record<HostFate, string>> = {
  used: 'no address',
  null: 'the domain takes no mail (null MX)',
  self: 'this host itself',
  'behind-self': 'not better than this host',
  'bad-name': 'not the name of a host',
  beyond: 'not asked: enough others are better',
};
const ADDRESS_WORDS: Readonly<Record<AddressFate, string>> = {
  used: 'used',
  private: 'not used: loopback or private',
  own: 'not used: this farm listens there',
  'behind-own': 'not used: not better than this farm',
  beyond: 'not used: enough others',
};

/** Prints the report: one object, or the answer for MX, the hosts in the order in which they are tried, and what follows. */
export async function printDomain(out: Output, report: DomainReport, options: PrintOptions): Promise<void> {
  if (options.json) return void (await out.json(toJson(report, options)));
  const { domain, mx, resolution } = report;
  await out.write(
    formatPairs([
      ['domain', domain],
      ['MX', describeMx(mx, options)],
      ['site', siteOf(resolution) ?? '-'],
      ['mail', describeEnd(resolution)],
    ]),
  );
  if (report.hosts.length > 0) await out.line('');
  await printTable(out, columns(options), report.hosts.flatMap(rowsOf));
}

function describeMx(mx: DomainReport['mx'], options: PrintOptions): string {
  const held = `${secondsOf(mx, options)}s`;
  switch (mx.kind) {
    case 'found':
      return `${mx.value.length} ${mx.value.length === 1 ? 'record' : 'records'}, kept for ${held}, ${secureWord(mx)}`;
    case 'none':
      return `none, kept for ${held}, ${secureWord(mx)}: mail goes to the domain's own address`;
    case 'no-domain':
      return `the domain does not exist, kept for ${held}, ${secureWord(mx)}`;
    case 'trouble':
      return `not known: ${mx.why}`;
  }
}

function describeEnd(resolution: Resolution): string {
  if ('targets' in resolution) {
    const { length } = resolution.targets;
    return `goes to ${length} ${length === 1 ? 'address' : 'addresses'}${length === 1 ? '' : ', the first first'}`;
  }
  const { code, status, text } = resolution.reply;
  return `${code < 500 ? 'waits' : 'is returned'}: ${code} ${status} ${text}`;
}

function rowsOf(host: HostReport): Row[] {
  if (host.addresses.length === 0) return [{ host, answer: host.answers.find(({ kind }) => kind === 'trouble') }];
  return host.addresses.map((address) => ({ host, address, answer: answerOf(host, address) }));
}

function answerOf({ answers }: HostReport, { address }: AddressReport): Answer<string> | undefined {
  return answers.find((answer) => answer.kind === 'found' && answer.value.includes(address));
}

function columns(options: PrintOptions): readonly Column<Row>[] {
  return [
    { title: 'PREF', cell: ({ host }) => String(host.preference), align: 'right' },
    { title: 'HOST', cell: ({ host }) => host.host || '.' },
    { title: 'ADDRESS', cell: ({ address }) => address?.address ?? '-' },
    { title: 'KEPT', cell: ({ answer }) => (answer ? `${secondsOf(answer, options)}s` : '-'), align: 'right' },
    { title: 'SECURE', cell: ({ answer }) => (answer ? (isSecure(answer) ? 'yes' : 'no') : '-') },
    { title: 'STATE', cell: describeRow },
  ];
}

function describeRow({ host, address, answer }: Row): string {
  if (address !== undefined) return ADDRESS_WORDS[address.fate];
  return answer?.kind === 'trouble' ? `not known: ${answer.why}` : HOST_WORDS[host.fate];
}

function toJson({ domain, mx, hosts, resolution }: DomainReport, options: PrintOptions): Record<string, unknown> {
  return {
    domain,
    mx: answerJson(mx, options),
    hosts: hosts.map((host) => ({
      host: host.host,
      preference: host.preference,
      state: host.fate,
      addresses: host.addresses.map((one) => {
        const answer = answerOf(host, one);
        return { address: one.address, state: one.fate, ...(answer && answerJson(answer, options)) };
      }),
      troubles: host.answers.flatMap((answer) => (answer.kind === 'trouble' ? [answer.why] : [])),
    })),
    site: siteOf(resolution),
    ...('targets' in resolution ? { targets: resolution.targets } : { reply: resolution.reply }),
  };
}

function answerJson(answer: Answer<unknown>, options: PrintOptions): Record<string, unknown> {
  const { kind } = answer;
  const seconds = secondsOf(answer, options);
  return kind === 'trouble' ? { kind, why: answer.why, seconds } : { kind, seconds, secure: answer.secure };
}

function secondsOf(answer: Answer<unknown>, { holdsFor }: PrintOptions): number {
  return Math.round(holdsFor(answer) / 1000);
}

function secureWord(answer: Answer<unknown>): string {
  return isSecure(answer) ? 'secure' : 'not secure';
}

function isSecure(answer: Answer<unknown>): boolean {
  return answer.kind !== 'trouble' && answer.secure;
}
