/**
 * The load before the first run. Just-in-time compilers of servers see what is hot while it runs, and compile for a while: Mailfarm's
 * needs some 45,000 messages, and the cores meanwhile. What is measured is a server that has run for longer than a benchmark.
 */
import { monotonicMs } from './clock.ts';

/** Calls `send` again and again, until so many seconds went by. */
export async function warmUp(seconds: number, send: () => Promise<void>): Promise<void> {
  const until = monotonicMs() + seconds * 1000;
  while (monotonicMs() < until) await send();
}
