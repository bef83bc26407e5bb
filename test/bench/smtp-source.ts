/**
 * Debian's smtp-source as the load generator of the comparison: not ours, so it flatters nobody. It comes with Postfix.
 *
 * It sends over sessions that stay open, one command after another (it cannot pipeline), and numbers the recipients of all
 * messages (-N), by which the sink knows lost and doubled ones.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { monotonicMs } from './clock.ts';
import type { LoadPlan, LoadReport } from './generator.ts';
import { endedCpuMs } from './process-tree.ts';

const COMMAND = '/usr/sbin/smtp-source';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function hasSmtpSource(): boolean {
  return existsSync(COMMAND);
}

/** Sends it all. It says nothing of single messages: all were accepted, or it failed with what it printed. */
export async function sendBySmtpSource(plan: LoadPlan): Promise<LoadReport> {
  const before = endedCpuMs();
  const startedAt = monotonicMs();
  const failure = await runToEnd(argumentsOf(plan), plan.deadlineMs);
  return {
    accepted: failure === undefined ? plan.messages : 0,
    failures: failure === undefined ? [] : [`smtp-source ${failure}`],
    startedAt,
    lastAt: monotonicMs(),
    cpuMs: endedCpuMs() - before,
  };
}

/** Of the command line. The size is that of the content below its header, some 200 bytes. */
export function argumentsOf({ port, sessions, messages, size }: Omit<LoadPlan, 'deadlineMs'>): string[] {
  const counts = ['-s', String(sessions), '-m', String(messages), '-l', String(size)];
  const addresses = ['-f', 'sender@bench.example', '-t', 'recipient@bench.example', '-M', 'generator.bench.example'];
  return ['-d', '-N', ...counts, ...addresses, `127.0.0.1:${port}`];
}

/** Undefined when it ended well, else what went wrong. */
function runToEnd(args: readonly string[], deadlineMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(COMMAND, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    running.add(child);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => {
      running.delete(child);
      resolve(status === 0 ? undefined : `ended with ${status ?? signal}: ${said.trim()}`);
    });
  });
}
