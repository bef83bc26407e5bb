/** CPU and memory of real processes, also of those that ended in between. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { cpuBetween, sampleMemory, sampleTree, sum } from '../../bench/process-tree.ts';
import { waitFor } from '../../support/wait.ts';

const BUSY = 'const end = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < end);';

describe('sampleTree', () => {
  it('finds a process and what is below it, by title', async () => {
    const script = "process.title = 'mailfarm: router-12'; setInterval(() => {}, 1000)";
    const child = spawn(process.execPath, ['-e', script]);
    try {
      const found = await waitFor(() => {
        const sample = [...sampleTree(process.pid).processes.values()];
        return sample.find(({ name }) => name === 'router-12');
      });
      assert.equal(found.role, 'router');
      assert.equal(found.pid, child.pid);
      const memory = sampleMemory(process.pid);
      assert.ok((memory['router-12'] ?? 0) > 1000, JSON.stringify(memory));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('names what is not ours by its command, and adds up the memory of those of one name', async () => {
    const children = [spawn('sleep', ['60']), spawn('sleep', ['60'])];
    try {
      await Promise.all(children.map((child) => once(child, 'spawn')));
      const [child] = children;
      const name = await waitFor(() => {
        const found = sampleTree(process.pid).processes.get(child?.pid ?? 0)?.name;
        return found === 'sleep' && found;
      });
      const one = sampleMemory(child?.pid ?? 0)[name] ?? 0;
      assert.ok(one > 0 && (sampleMemory(process.pid)[name] ?? 0) > one);
    } finally {
      for (const child of children) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
  });

  it('is empty for a process that is gone', () => {
    const { pid } = spawnSync('true');
    assert.equal(sampleTree(pid).processes.size, 0);
    assert.deepEqual(sampleMemory(pid), {});
  });
});

describe('cpuBetween', () => {
  it('counts a process that started and ended in between', () => {
    const before = sampleTree(process.pid);
    spawnSync(process.execPath, ['-e', BUSY]);
    const used = cpuBetween(before, sampleTree(process.pid));
    assert.ok((used['ended'] ?? 0) >= 190, JSON.stringify(used));
  });

  it('does not count twice what a process had used before', () => {
    const process_ = (pid: number, cpuMs: number) =>
      [pid, { pid, name: `router-${pid}`, role: 'router', cpuMs }] as const;
    const before = { processes: new Map([process_(1, 100), process_(2, 500)]), endedMs: 0 };
    const after = { processes: new Map([process_(1, 130), process_(3, 20)]), endedMs: 510 };
    const used = cpuBetween(before, after);
    assert.deepEqual(used, { router: 50, ended: 10 });
    assert.equal(sum(used), 60);
  });
});
