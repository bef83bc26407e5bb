/**
 * mailfarm status: the farms and their workers, and what the scheduler has in hand.
 */
import { EX } from '../../base/sysexits.ts';
import type { Config } from '../../config/config.ts';
import type { BinStats, Books, Stats } from '../../ipc/insight.ts';
import type { FarmStatus, Status, WorkerStatus } from '../../process/control.ts';
import type { Context } from '../common/context.ts';
import { formatPairs, printTable, type Column } from '../common/table.ts';
import { formatAge, formatTime, formatUntil } from '../common/units.ts';
import { askScheduler } from './ask-scheduler.ts';

export interface StatusOptions {
  readonly json: boolean;
  /** Every worker on a line of its own. */
  readonly workers: boolean;
}

/** Prints the supervisor's answer, and the scheduler's figures where it gives them. */
export async function printStatus(
  context: Context,
  status: Status,
  options: StatusOptions & { readonly config: Config | undefined },
): Promise<number> {
  const stats = options.config
    ? await askScheduler(options.config, { t: 'stats?' }, 'stats')
    : 'its configuration can not be read';
  if (options.json) {
    const { t: _t, n: _n, ...scheduler } = typeof stats === 'string' ? { t: '', n: 0, error: stats } : stats;
    await context.out.json({ ...status, scheduler });
    return EX.OK;
  }
  await printFarms(context, status);
  if (options.workers) {
    await context.out.line('');
    await printTable(
      context.out,
      workerColumns(Date.now()),
      status.farms.flatMap((farm) => farm.workers),
    );
  }
  await context.out.line('');
  if (typeof stats === 'string') await context.out.line(`scheduler: no figures: ${stats}`);
  else await printScheduler(context, stats);
  return EX.OK;
}

async function printFarms(context: Context, status: Status): Promise<void> {
  const now = Date.now();
  await context.out.write(
    formatPairs([
      [
        'Mailfarm',
        `${status.version}, pid ${status.pid}, ${status.stopping ? 'stopping, ' : ''}up ${formatAge(now - status.started)} (${formatTime(status.started)})`,
      ],
      ['etc', status.etc],
      ['var', status.var],
      ['listens at', status.listeners.join(', ') || 'nothing'],
    ]),
  );
  await context.out.line('');
  await printTable(context.out, farmColumns(status, now), status.farms);
}

function farmColumns(status: Status, now: number): readonly Column<FarmStatus>[] {
  const sum = (farm: FarmStatus, of: (worker: WorkerStatus) => number): string =>
    String(farm.workers.reduce((total, worker) => total + of(worker), 0));
  return [
    { title: 'FARM', cell: (farm) => farm.farm },
    { title: 'WORKERS', cell: (farm) => String(farm.workers.length), align: 'right' },
    { title: 'READY', cell: (farm) => sum(farm, (worker) => (worker.ready ? 1 : 0)), align: 'right' },
    { title: 'LEAST', cell: (farm) => String(farm.least), align: 'right' },
    { title: 'MOST', cell: (farm) => String(farm.most), align: 'right' },
    { title: 'JOBS', cell: (farm) => sum(farm, (worker) => worker.jobs), align: 'right' },
    { title: 'RESTARTS', cell: (farm) => String(farm.restarts), align: 'right' },
    { title: 'STATE', cell: (farm) => farmState(farm, status.stopping, now) },
  ];
}

function farmState(farm: FarmStatus, stopping: boolean, now: number): string {
  if (stopping) return farm.workers.length === 0 ? 'stopped' : 'stopping';
  if (farm.throttledUntil !== undefined && farm.throttledUntil > now) {
    return `keeps failing, next start ${formatUntil(farm.throttledUntil, now)}`;
  }
  if (farm.workers.length === 0 && farm.farm === 'injector') return 'runs at the start and after a crash';
  if (farm.workers.length === 0) return farm.least === 0 ? 'starts with its first job' : 'starting';
  return farm.workers.every((worker) => worker.ready || worker.draining) ? 'ok' : 'starting';
}

function workerColumns(now: number): readonly Column<WorkerStatus>[] {
  return [
    { title: 'WORKER', cell: (worker) => worker.name },
    { title: 'PID', cell: (worker) => String(worker.pid), align: 'right' },
    { title: 'UP', cell: (worker) => (worker.started > 0 ? formatAge(now - worker.started) : '-'), align: 'right' },
    { title: 'STATE', cell: (worker) => (worker.draining ? 'ending' : worker.ready ? 'ready' : 'starting') },
    { title: 'JOBS', cell: (worker) => String(worker.jobs), align: 'right' },
    {
      title: 'FIGURES',
      cell: (worker) =>
        Object.entries(worker.stats)
          .map(([name, value]) => `${name}=${value}`)
          .join(' '),
      max: 120,
    },
  ];
}

async function printScheduler(context: Context, stats: Stats): Promise<void> {
  const now = Date.now();
  const walking = stats.walking ? ', the injector walks the queue' : '';
  await context.out.line(`scheduler: ${stats.active} messages in memory, ${stats.parked} for later${walking}`);
  for (const line of describeBooks(stats.books)) await context.out.line(line);
  if (stats.bins.length === 0) return;
  await context.out.line('');
  await printTable(context.out, binColumns(now), stats.bins);
}

/** What came in, in recipients, and what became of it: both sides are counted by themselves. */
function describeBooks(books: Books): string[] {
  const { since, entered, made, delivered, bounced, dropped, expanded, held, vanished, commands, queued } = books;
  const ends: readonly (readonly [number, string])[] = [
    [delivered, 'delivered'],
    [bounced, 'bounced'],
    [dropped, 'dropped'],
    [expanded, 'expanded'],
    [held, 'held'],
    [vanished, 'vanished'],
    [commands, 'taken over by commands'],
    [queued, 'queued'],
  ];
  const came = `${entered} recipients entered${made > 0 ? ` + ${made} by aliases` : ''}`;
  const went = ends.filter(([count, name]) => count > 0 || name === 'delivered' || name === 'queued');
  const sum = entered + made - ends.reduce((total, [count]) => total + count, 0);
  const line = `since ${formatTime(since)}: ${came} = ${went.map(([count, name]) => `${count} ${name}`).join(' + ')}`;
  if (sum === 0) return [line];
  return [
    line,
    `this does not balance: ${Math.abs(sum)} ${sum > 0 ? 'are missing' : 'are too many'}; see imbalance in the log`,
  ];
}

function binColumns(now: number): readonly Column<BinStats>[] {
  return [
    { title: 'BIN', cell: (bin) => `${bin.hop.channel} ${bin.hop.next}` },
    { title: 'WAITING', cell: (bin) => String(bin.waiting), align: 'right' },
    { title: 'LANES', cell: (bin) => String(bin.lanes), align: 'right' },
    { title: 'UNDER WAY', cell: (bin) => String(bin.inDelivery), align: 'right' },
    { title: 'NEXT', cell: (bin) => (bin.until === undefined ? '-' : formatUntil(bin.until, now)) },
    { title: 'TROUBLE', cell: (bin) => (bin.trouble ? `${bin.trouble.code} ${bin.trouble.text}` : '-'), max: 100 },
  ];
}
