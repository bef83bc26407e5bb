/** Mail that waits in the queue while a benchmark runs: its next hop is a sink of its own that refused it with 451. */
import { monotonicMs } from './clock.ts';
import { generate } from './generate.ts';
import { startSink, type Sink } from './sink-process.ts';

/** Recipients there are not delivered. */
export const WAITING_DOMAIN = 'waiting.example';

const SESSIONS = 20;
const SIZE = 1024;
/** Slower than this, something is wrong. */
const LEAST_PER_SECOND = 100;

/** A sink that refuses everything; its port is for the route of WAITING_DOMAIN. */
export async function startRefusingSink(): Promise<Sink> {
  const sink = await startSink();
  await sink.refuse(true);
  return sink;
}

/** Leaves so many messages waiting, each tried once. Rejects when that takes too long. */
export async function fillQueue(port: number, sink: Sink, messages: number): Promise<void> {
  const deadlineMs = 60_000 + (messages * 1000) / LEAST_PER_SECOND;
  const until = monotonicMs() + deadlineMs;
  const domain = WAITING_DOMAIN;
  const { accepted, failures } = await generate({ port, sessions: SESSIONS, messages, size: SIZE, deadlineMs, domain });
  await sink.untilRefused(messages, until);
  const { refused } = await sink.count();
  if (refused < messages) {
    throw new Error(`${accepted} of ${messages} waiting messages accepted, ${refused} tried: ${failures.join('; ')}`);
  }
}
