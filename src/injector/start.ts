/**
 * The injector: runs once, then exits. It is the only recovery that there is.
 *
 * start: after a start, or when the scheduler lost its memory: everything unfinished goes back to work. orphans: after a worker
 * died that wrote journals: what only it knew of goes back to work. settle: moves what lingers in old journals into the tree.
 * look: whatever was told or not told, what came in of late and is not finished is handed on once more.
 */
import { errorText } from '../base/text.ts';
import { connectPeer } from '../ipc/connect.ts';
import { openHandOn, type HandedOn, type HandOn } from '../ipc/hand-on.ts';
import { makeHello } from '../ipc/hello.ts';
import type { FarmName } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { readIpcTls } from '../process/ipc-tls.ts';
import { readLive } from '../process/live.ts';
import type { Role, Worker } from '../process/worker.ts';
import { createDisk } from '../queue/disk.ts';
import { openStore } from '../queue/open-store.ts';
import { holdRecipients } from '../queue/operate.ts';
import { purgeDeleted } from '../queue/purge-deleted.ts';
import type { Handle } from '../queue/store.ts';
import { QueueWalk } from '../queue/walk.ts';
import { createCorruptFolder } from './corrupt-folder.ts';
import { injectAll, type Injection } from './inject.ts';
import { settleAll } from './settle.ts';

export const MODES = ['start', 'orphans', 'settle', 'look'] as const;
export type Mode = (typeof MODES)[number];

const QUEUE = 'queue';
/** How long the injector waits for the scheduler. */
const CONNECT_MS = 60_000;

/** A started injector works by itself and then finishes the process. */
export async function startInjector(
  worker: Worker,
  how: { readonly mode: Mode; readonly since: number },
): Promise<Role> {
  const { mode, since } = how;
  const { config, log } = worker;
  const self = makeHello({ farm: worker.farm, worker: worker.instance });
  const tls = readIpcTls(config);
  const layout = { root: QUEUE, split: config.queue.split };
  const corrupt = createCorruptFolder(layout, log);
  const store = await openStore({ config, worker: worker.instance, log, role: 'command' });
  const address = config.farms.scheduler.socket;
  const scheduler = await connectPeer({ address, self, tls, deadlineMs: CONNECT_MS });
  let stopped = false;
  const handOn = (farm: FarmName): HandOn =>
    openHandOn({
      address: config.farms[farm].socket,
      self,
      tls,
      wake: () => worker.wake(farm),
      onTrouble: (why) => log.warn('hand-on', { to: farm, why }),
      ...(farm === 'router' && { kill: (pid: number, why: string) => worker.kill(pid, why) }),
      onPoison: async (frame: HandedOn, why) => {
        log.error('held', { id: frame.handle.slice(0, 19), why });
        const recipients = 'envelope' in frame ? (frame.only ?? []) : frame.parts.flatMap((part) => part.to);
        await holdRecipients({ store, layout }, frame.handle as Handle, { recipients, why });
      },
    });
  const injection: Injection = {
    scheduler,
    router: handOn('router'),
    schedulerHandOn: handOn('scheduler'),
    walk: new QueueWalk({
      dir: QUEUE,
      split: config.queue.split,
      onCorrupt: corrupt.setAside,
      onUnreadable: (file, why) => log.error('unreadable', { file, why }),
    }),
    live: () => readLive(),
    since,
    log,
    stopped: () => stopped,
  };
  const work =
    mode === 'settle'
      ? settleAll({ scheduler, store, layout, log, keep: corrupt.keepSegment })
      : injectAll(injection, mode).then(() => purgeOld(injection, mode, config.queue.deletedFor));
  void work.then(
    async () => {
      await letGo(injection, Date.now() + CONNECT_MS);
      await store.close();
      worker.finish();
    },
    (error: unknown) => {
      // Most likely its connections were closed under its hands.
      if (stopped) log.info('injector-stopped', { mode, why: errorText(error) });
      else fail(log, mode, error);
    },
  );
  return {
    async drain(deadline) {
      stopped = true;
      // What a scheduler that is gone did not take, nobody takes.
      await letGo(injection, scheduler.closed ? Date.now() : deadline);
    },
    stats: () => ({ outstanding: injection.router.outstanding + injection.schedulerHandOn.outstanding, busy: 1 }),
  };
}

/** Beside what else a look after the whole queue finds. Trouble with what is deleted anyway stops nothing. */
async function purgeOld({ walk, log, stopped }: Injection, mode: Mode, deletedFor: number): Promise<void> {
  if (mode === 'orphans' || deletedFor === 0) return;
  const { layout } = walk;
  try {
    await purgeDeleted({ disk: createDisk(), layout, before: Date.now() - deletedFor, log, stopped });
  } catch (error) {
    log.error('purge-failed', { why: errorText(error) });
  }
}

/** The supervisor runs a failed injector again, with back-off. */
function fail(log: Logger, mode: Mode, error: unknown): void {
  log.error('injector-failed', { mode, why: errorText(error) });
  setImmediate(() => {
    throw error;
  });
}

/** Waits until all is taken, at most until then (ms since 1970). */
async function letGo({ router, schedulerHandOn, scheduler }: Injection, until: number): Promise<void> {
  await router.close(until);
  await schedulerHandOn.close(until);
  scheduler.close();
}
