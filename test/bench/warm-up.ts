/**
 * The load before the first run, always of the same kind. Just-in-time compilers of servers see what is hot while it runs, and compile
 * for a while: Mailfarm's needs some 45,000 messages, and the cores meanwhile. What is measured is a server that has run for longer
 * than a benchmark.
 */
import { monotonicMs } from './clock.ts';
import type { LoadPlan, LoadReport } from './generator.ts';
import type { Sink } from './sink-process.ts';
import { untilQuiet } from './watch.ts';
import { lostAndTwice } from './works/work.ts';

const STEP = { size: 1024, sessions: 20, messages: 5000 };

export interface WarmUpStage {
  readonly peer: { readonly port: number; readonly pid: number };
  readonly sink: Sink;
  readonly deadlineMs: number;
  readonly send: (plan: LoadPlan) => Promise<LoadReport>;
}

/** Sends for so many seconds, and waits until the server is quiet. Returns how many messages that were; rejects with what went wrong. */
export async function warmUp(seconds: number, { peer, sink, deadlineMs, send }: WarmUpStage): Promise<number> {
  const until = monotonicMs() + seconds * 1000;
  let messages = 0;
  while (monotonicMs() < until) {
    await sink.forget();
    const { accepted, failures } = await send({ ...STEP, port: peer.port, deadlineMs });
    await sink.untilArrived(accepted, monotonicMs() + deadlineMs);
    const problems = [...failures, ...lostAndTwice(accepted, await sink.count())];
    if (problems.length > 0) throw new Error(`warm-up: ${problems.join('; ')}`);
    messages += accepted;
  }
  await untilQuiet(peer.pid);
  return messages;
}
