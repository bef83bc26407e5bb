/**
 * Full load for an hour, or for MAILFARM_SOAK_MINUTES: the memory of every process stays where it was once the farm is warm, and
 * every message arrives once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { monotonicMs } from '../bench/clock.ts';
import { generate } from '../bench/generate.ts';
import { sampleMemory } from '../bench/process-tree.ts';
import { startSink } from '../bench/sink-process.ts';
import { startFarm } from '../support/farm.ts';

const MINUTES = Number(process.env['MAILFARM_SOAK_MINUTES'] ?? 60);
/** Of one round; memory is looked at after each. */
const MESSAGES = 5000;
const ROUND_MS = 120_000;
/** What chance moves: when garbage goes is up to V8. */
const SLACK_MIB = 8;
const SLACK_SHARE = 0.1;
const MIB_IN_KIB = 1024;

/** MiB of each role after each round. */
type Lines = Map<string, number[]>;

function note(lines: Lines, pid: number, round: number): void {
  const byRole = new Map<string, number>();
  for (const [name, kib] of Object.entries(sampleMemory(pid))) {
    const role = name.replace(/-\d+$/, '');
    byRole.set(role, (byRole.get(role) ?? 0) + kib / MIB_IN_KIB);
  }
  for (const [role, mib] of byRole) {
    // One that came up later, or goes when idle, had nothing before.
    const line = lines.get(role) ?? Array.from({ length: round }, () => 0);
    line.push(mib);
    lines.set(role, line);
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

describe(`${MINUTES} minutes of full load`, { skip: MINUTES > 0 ? false : 'MAILFARM_SOAK_MINUTES is 0' }, () => {
  it('leave the memory of every process flat, and every message arrives once', async (t) => {
    using sink = await startSink();
    await using farm = await startFarm({
      set: [
        'listen.0.role=submission',
        'listen.0.filters=[structure]',
        `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
      ],
    });
    const lines: Lines = new Map();
    const until = monotonicMs() + MINUTES * 60_000;
    let total = 0;
    let rounds = 0;
    const begun = monotonicMs();
    // Four at least: there are two to warm up in, and two to compare.
    for (; monotonicMs() < until || rounds < 4; rounds += 1) {
      await sink.forget();
      const load = { port: farm.port, sessions: 20, messages: MESSAGES, size: 1024, deadlineMs: ROUND_MS };
      const { accepted, failures } = await generate(load);
      assert.deepEqual(failures, [], farm.tail());
      await sink.untilArrived(accepted, monotonicMs() + ROUND_MS);
      const { messages, distinct } = await sink.count();
      assert.deepEqual([accepted, messages, distinct], [MESSAGES, MESSAGES, MESSAGES], farm.tail());
      note(lines, farm.pid, rounds);
      total += accepted;
    }
    const quarter = Math.floor(rounds / 4);
    const rate = Math.round((total * 1000) / (monotonicMs() - begun));
    t.diagnostic(`${total} messages, ${rate} a second; MiB (PSS) of each role, medians of the quarters of the time:`);
    const grown: string[] = [];
    for (const [role, line] of lines) {
      const quarters = [0, 1, 2, 3].map((n) => median(line.slice(n * quarter, (n + 1) * quarter)));
      t.diagnostic(`${role}: ${quarters.map((mib) => mib.toFixed(1)).join(', ')}`);
      const [, , third = 0, last = 0] = quarters;
      if (last > third * (1 + SLACK_SHARE) + SLACK_MIB) grown.push(`${role}: ${third} to ${last}`);
    }
    assert.deepEqual(grown, [], 'flat in the second half: in the first, heaps grow to what their garbage needs');
  });
});
