/**
 * A long queue at start: it must not delay the first delivery nor new mail, and memory must not grow with it.
 * The figures are printed; asserted are generous bounds. MAILFARM_STRESS_QUEUE sets its length.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openStore } from '../../src/queue/open-store.ts';
import { makeContent } from '../support/content.ts';
import { makeFolders, startFarm, type Farm } from '../support/farm.ts';
import { sendMail } from '../support/send-mail.ts';
import { startSink } from '../support/sink.ts';
import { removeTemp } from '../support/temp.ts';
import { waitFor } from '../support/wait.ts';

const WAITING = Number(process.env['MAILFARM_STRESS_QUEUE'] ?? 100_000);
const BATCH = 500;
const MIB = 1024 * 1024;
/** Resident, of one process. A process with an empty queue has some 100. */
const MOST_MEMORY_MIB = 500;

/** Messages as acceptors leave them, when the machine goes down before anything was routed. */
async function fillQueue(dir: string): Promise<void> {
  const log = { info() {}, warn: console.log, error: console.log, debug() {} };
  const queue = { split: 64, inline: MIB / 4, segment: 16 * MIB, segmentAge: 10_000, freeSpace: 0, freeInodes: 0 };
  const options = { config: { queue }, worker: 'acceptor-1-fill', log, dir, role: 'writer' };
  const store = await openStore(options as unknown as Parameters<typeof openStore>[0]);
  const one = async (n: number): Promise<void> => {
    const draft = store.draft(store.nextId());
    await draft.write(Buffer.from(makeContent(`old-${n}`, { size: 800 })));
    await draft.commit({
      sender: `sender-${n}@test.example`,
      recipients: [{ address: `r-${n}@far-${n % 10}.example` }],
      received: Date.now(),
      tenant: 'default',
      origin: { via: 'smtp' },
    });
  };
  for (let n = 0; n < WAITING; n += BATCH) {
    await Promise.all(Array.from({ length: Math.min(BATCH, WAITING - n) }, (_, k) => one(n + k)));
  }
  await store.close();
}

/** The most that a process ever had, in MiB. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    // It ended: what was seen before counts.
    return 0;
  }
}

/** Keeps the highest figure of each farm while it runs. */
function watchMemory(farm: Farm): { readonly peaks: Map<string, number>; stop(): void } {
  const peaks = new Map<string, number>();
  const look = (): void => {
    for (const worker of farm.workers()) {
      peaks.set(worker.farm, Math.max(peaks.get(worker.farm) ?? 0, Math.round(peakOf(worker.pid))));
    }
  };
  const timer = setInterval(look, 250);
  return { peaks, stop: () => clearInterval(timer) };
}

describe(`a queue of ${WAITING} messages`, () => {
  it('is worked from the first second, delays no new mail, stays below a fixed bound of memory, and is delivered once', async () => {
    const folders = makeFolders();
    try {
      mkdirSync(join(folders.var, 'queue'), { recursive: true, mode: 0o700 });
      await fillQueue(join(folders.var, 'queue'));
      await using sink = await startSink();
      const started = performance.now();
      await using farm = await startFarm({
        folders,
        set: [
          `routes=[{match: "*", via: "smtp:[127.0.0.1]:${sink.port}"}]`,
          // The files are ours.
          ...(userInfo().uid === 0 ? ['user=root'] : []),
        ],
      });
      const ready = performance.now() - started;
      const memory = watchMemory(farm);
      const asked = performance.now();
      await sendMail({ port: farm.port, to: ['new@far-0.example'], prefix: 'new' });
      const accepted = performance.now() - asked;
      await waitFor(() => sink.ledger.length > 0, { deadline: 60_000, what: () => `a delivery\n${farm.tail()}` });
      const first = performance.now() - started;
      await waitFor(() => sink.counts().has('new-0'), { deadline: 120_000, what: () => `new mail\n${farm.tail()}` });
      const fresh = performance.now() - asked;
      const before = sink.ledger.length;
      await waitFor(() => sink.ledger.length >= WAITING + 1, {
        deadline: 900_000,
        what: () => `${WAITING + 1}, there are ${sink.ledger.length}\n${farm.tail()}`,
      });
      const all = performance.now() - started;
      await farm.drained(120_000);
      memory.stop();
      const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
      console.log(
        `${WAITING} waiting: ready after ${seconds(ready)}, first delivery after ${seconds(first)}; new mail accepted in ` +
          `${seconds(accepted)}, delivered in ${seconds(fresh)} with ${before} of the old ones; all after ${seconds(all)}; ` +
          `most memory in MiB: ${[...memory.peaks].map(([name, mib]) => `${name} ${mib}`).join(', ')}`,
      );
      const counts = sink.counts();
      assert.equal(counts.size, WAITING + 1);
      assert.deepEqual(
        [...counts].filter(([, count]) => count !== 1),
        [],
        'each once',
      );
      assert.ok(before < WAITING, 'new mail did not wait for the whole queue');
      for (const [name, mib] of memory.peaks) assert.ok(mib < MOST_MEMORY_MIB, `${name} had ${mib} MiB`);
    } finally {
      removeTemp(folders.root);
    }
  });
});
