/** mailfarm tenants and mailfarm lane: what waits for whom, and lanes for one tenant alone. */
import { EX } from '../../base/sysexits.ts';
import type { Config, TenantSettings } from '../../config/config.ts';
import type { TenantStats } from '../../ipc/insight.ts';
import { DEFAULT_TENANT } from '../../mail/envelope.ts';
import type { Context } from '../common/context.ts';
import { printTable, type Column } from '../common/table.ts';
import { askScheduler } from './ask-scheduler.ts';

interface Row extends TenantStats {
  /** Absent: it is not configured any more, or is the one of all others. */
  readonly settings?: TenantSettings | undefined;
}

/** Prints the tenants that are configured or have mail, the longest queue first. */
export async function printTenants(context: Context, config: Config, json: boolean): Promise<number> {
  const answer = await askScheduler(config, { t: 'tenants?' }, 'tenants');
  if (typeof answer === 'string') return noAnswer(context, answer);
  const { tenants } = config;
  const rows = answer.tenants
    .map((stats): Row => ({ ...stats, settings: Object.hasOwn(tenants, stats.name) ? tenants[stats.name] : undefined }))
    .toSorted((a, b) => b.queued - a.queued || a.name.localeCompare(b.name));
  if (json)
    for (const { settings, ...stats } of rows) await context.out.json({ ...stats, ...(settings && { settings }) });
  else if ((await printTable(context.out, COLUMNS, rows)) === 0) await context.out.line(NONE);
  return EX.OK;
}

const NONE = 'no tenants: none is configured in etc/tenants.yaml, and no mail waits';

const COLUMNS: readonly Column<Row>[] = [
  { title: 'TENANT', cell: ({ name }) => name },
  { title: 'QUEUED', cell: ({ queued }) => String(queued), align: 'right' },
  { title: 'QUEUE LIMIT', cell: ({ settings }) => orDash(settings?.queue), align: 'right' },
  { title: 'WEIGHT', cell: ({ settings }) => String(settings?.weight ?? 1), align: 'right' },
  { title: 'RATE', cell: ({ settings }) => rateOf(settings), align: 'right' },
  { title: 'LANES', cell: ({ settings }) => orDash(settings?.lanes), align: 'right' },
  { title: 'DEDICATED', cell: ({ dedicated }) => orDash(dedicated), align: 'right' },
  { title: 'STATE', cell: stateOf },
];

function stateOf({ name, queued, stalled, settings }: Row): string {
  if (settings && settings.queue > 0 && queued >= settings.queue) return 'full: new mail is refused with 452';
  if (stalled > 0) return `waits for its own limits in ${stalled} ${stalled === 1 ? 'bin' : 'bins'}`;
  return settings === undefined && name !== DEFAULT_TENANT ? 'no longer configured' : 'ok';
}

function rateOf(settings: TenantSettings | undefined): string {
  if (settings?.rate === undefined) return '-';
  const { perSecond } = settings.rate;
  const [times, unit] = perSecond >= 1 ? [1, 's'] : perSecond * 60 >= 1 ? [60, 'm'] : [3600, 'h'];
  return `${Number((perSecond * times).toFixed(1))}/${unit}`;
}

function orDash(limit: number | undefined): string {
  return limit ? String(limit) : '-';
}

/** Gives a tenant lanes of its own, or with 0 takes them back. */
export async function dedicate(
  context: Context,
  config: Config,
  { tenant, lanes, json }: { readonly tenant: string; readonly lanes: number; readonly json: boolean },
): Promise<number> {
  const answer = await askScheduler(config, { t: 'dedicate', tenant, lanes }, 'taken');
  if (typeof answer === 'string') return noAnswer(context, answer);
  const what = lanes === 0 ? 'shares its lanes with others' : `has ${lanes} lanes of each channel for itself`;
  if (json) await context.out.json({ ok: true, tenant, lanes });
  else await context.out.line(`${tenant}: ${what}, until the next reload or start`);
  return EX.OK;
}

async function noAnswer(context: Context, why: string): Promise<number> {
  await context.err.line(`mailfarm: the scheduler says: ${why}`);
  return EX.UNAVAILABLE;
}
