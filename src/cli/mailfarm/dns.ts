/**
 * mailfarm dns: what DNS says of a domain, and what Mailfarm does with mail for it. It asks as a transport does, with the settings of
 * the farm, and needs no farm that runs.
 */
import { EX } from '../../base/sysexits.ts';
import { oneLine } from '../../base/text.ts';
import type { Config } from '../../config/config.ts';
import { MxResolver } from '../../dns/mx-resolver.ts';
import { DnsResolver } from '../../dns/resolver.ts';
import { parseDomain } from '../../mail/domain.ts';
import type { Context } from '../common/context.ts';
import type { CommonArgs } from '../common/parser.ts';
import { enterVar, resolvePlaces } from '../common/places.ts';
import { loadSettings } from '../common/settings.ts';
import { printDomain } from './dns-report.ts';

export interface DnsArgs extends CommonArgs {
  readonly domain: string;
}

/** Prints what is found of the domain. Resolves with 68 when its mail would be returned, with 75 when it would wait. */
export async function lookUpDomain(context: Context, args: DnsArgs): Promise<number> {
  const parsed = parseDomain(args.domain);
  if (!parsed.ok || parsed.domain.startsWith('[')) {
    const why = parsed.ok ? 'it is an address: mail for it needs no DNS' : parsed.why;
    await context.err.line(`mailfarm: ${oneLine(args.domain, 100)} cannot be looked up: ${why}`);
    return EX.USAGE;
  }
  const places = resolvePlaces(args, context);
  const settings = await loadSettings(places, enterVar(places) === undefined ? 'inside' : 'outside');
  if (!settings.ok) {
    await context.err.line(`mailfarm: the configuration is wrong\n${settings.why}`);
    return EX.CONFIG;
  }
  return examine(context, args, parsed.domain, settings.config);
}

async function examine(context: Context, args: DnsArgs, domain: string, config: Config): Promise<number> {
  const dns = new DnsResolver(config.smtp);
  const listen = config.listen.map(({ address }) => address);
  const resolver = new MxResolver({ dns, hostname: config.hostname, smtp: config.smtp, listen });
  const report = await resolver.examine(domain);
  await printDomain(context.out, report, { json: args.json, holdsFor: (answer) => dns.holdsFor(answer) });
  if ('targets' in report.resolution) return EX.OK;
  return report.resolution.reply.code < 500 ? EX.TEMPFAIL : EX.NOHOST;
}
