/**
 * Work: a queue of deferred mail, every process killed at once, and a new start; how long until the first delivery and
 * until all. The next hop refuses each recipient (451) until the kill, so each message was tried once, and it waits with
 * everything dead until all are due.
 */
import { monotonicMs, pause } from '../clock.ts';
import type { LoadPlan, LoadReport } from '../generator.ts';
import { RETRY_SECONDS, type Peer } from '../peers/peer.ts';
import { sampleTree, sum } from '../process-tree.ts';
import type { Scenario } from '../scenarios.ts';
import type { Sink } from '../sink-process.ts';
import { perSecond, untilQuiet } from '../watch.ts';
import { lostAndTwice, type Outcome } from './work.ts';

export interface RestartStage {
  readonly peer: Peer;
  readonly sink: Sink;
  readonly scenario: Scenario;
  readonly messages: number;
  /** Empty. */
  readonly folder: string;
  readonly deadlineMs: number;
  readonly send: (plan: LoadPlan) => Promise<LoadReport>;
}

const MARGIN_MS = 2000;

export async function measureRestart(stage: RestartStage): Promise<Outcome> {
  const { peer, sink, messages, folder, deadlineMs } = stage;
  const failures = await fill(stage);
  if (failures.length > 0) return { figures: {}, problems: failures };
  await sink.forget();
  await pause(RETRY_SECONDS * 1000 + MARGIN_MS);
  const startedAt = monotonicMs();
  const running = await peer.start({ folder, nextHop: sink.port });
  try {
    await sink.untilArrived(messages, startedAt + deadlineMs);
    await untilQuiet(running.pid);
    const tree = sampleTree(running.pid);
    const count = await sink.count();
    const cpuMs = [...tree.processes.values()].reduce((total, process) => total + process.cpuMs, tree.endedMs);
    const figures = {
      first: count.firstAt - startedAt,
      last: count.lastAt - startedAt,
      rate: perSecond(count.messages, count.lastAt - startedAt),
      cpu: cpuMs / messages,
    };
    return { figures, problems: lostAndTwice(messages, count), cpuMs: { all: sum({ cpuMs }) } };
  } finally {
    await running.stop();
  }
}

/** Leaves the queue behind, and no process. Returns what went wrong. */
async function fill(stage: RestartStage): Promise<readonly string[]> {
  const { peer, sink, scenario, messages, folder, deadlineMs, send } = stage;
  const until = monotonicMs() + deadlineMs;
  await sink.forget();
  await sink.refuse(true);
  const running = await peer.start({ folder, nextHop: sink.port });
  try {
    const { size, sessions } = scenario;
    const { failures } = await send({ port: running.port, sessions, messages, size, deadlineMs });
    if (failures.length > 0) return failures;
    await sink.untilRefused(messages, until);
    await untilQuiet(running.pid);
    const { refused } = await sink.count();
    return refused < messages ? [`only ${refused} of ${messages} messages were tried in time`] : [];
  } finally {
    await running.kill();
    await sink.refuse(false);
  }
}
