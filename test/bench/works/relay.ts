/** Work: messages come in over parallel sessions and go out to the sink; others may be open beside and say nothing. */
import { openIdleSessions } from '../idle-sessions.ts';
import { sum } from '../process-tree.ts';
import { perSecond, watchMemory } from '../watch.ts';
import { aroundCpu, deadlineOf, lostAndTwice, type Outcome, type Stage } from './work.ts';

export async function measureRelay(stage: Stage): Promise<Outcome> {
  const { peer, sink, scenario, messages, deadlineMs, send } = stage;
  using _idle = await openIdleSessions(peer.port, scenario.idleSessions);
  const sinkBefore = await sink.count();
  const { result, cpuMs } = await aroundCpu(peer.pid, async () => {
    const until = deadlineOf(stage);
    await sink.forget();
    const peak = watchMemory(peer.pid);
    const { size, sessions } = scenario;
    const load = await send({ port: peer.port, sessions, messages, size, deadlineMs });
    await sink.untilArrived(load.accepted, until);
    return { load, memory: peak.stop() };
  });
  const count = await sink.count();
  const { load, memory } = result;
  const problems = [...load.failures, ...lostAndTwice(load.accepted, count)];
  const figures = {
    rate: perSecond(count.messages, count.lastAt - load.startedAt),
    cpu: sum(cpuMs) / Math.max(1, load.accepted),
    pss: sum(memory) / 1024,
  };
  const sinkCpuMs = count.cpuMs - sinkBefore.cpuMs;
  return { figures, problems, cpuMs, generatorCpuMs: load.cpuMs, sinkCpuMs };
}
