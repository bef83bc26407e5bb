/** What `mailfarm status` shows, gathered from what the supervisor holds in memory anyway. */
import type { FarmStatus, Status, WorkerStatus } from '../process/control.ts';
import type { FarmName } from '../config/config.ts';
import type { Farm } from './farm.ts';
import type { Member } from './member.ts';
import type { Supervisor } from './supervisor.ts';

export function gatherStatus(supervisor: Supervisor, version: string): Status {
  const { etc, var: varDir } = supervisor.config.paths;
  const injector: FarmStatus = {
    farm: 'injector' satisfies FarmName,
    least: 0,
    most: 1,
    restarts: 0,
    workers: supervisor.injections.members.map(statusOfWorker),
  };
  return {
    ok: true,
    version,
    pid: process.pid,
    started: supervisor.startedAt,
    stopping: supervisor.stopping,
    etc,
    var: varDir,
    listeners: supervisor.sockets.addresses(),
    farms: [...[...supervisor.farms.values()].map(statusOfFarm), injector],
  };
}

function statusOfFarm(farm: Farm): FarmStatus {
  const { least, most } = farm.bounds;
  const throttled = farm.throttledMs;
  return {
    farm: farm.name,
    least,
    most,
    ...(throttled > 0 ? { throttledUntil: Date.now() + Math.ceil(throttled) } : {}),
    restarts: farm.restarts,
    workers: [...farm.members].map(statusOfWorker),
  };
}

function statusOfWorker(member: Member): WorkerStatus {
  const { name, pid, startedAt, jobs, ready, draining, stats } = member;
  return { name, pid, started: startedAt, jobs, ready, draining, stats };
}
