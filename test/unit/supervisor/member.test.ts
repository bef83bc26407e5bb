/** One worker process: that its end is told exactly once, also when the system does not tell us of it. */
import assert from 'node:assert/strict';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hasEnded } from '../../../src/process/lock.ts';
import { Member, type End } from '../../../src/supervisor/member.ts';
import { makeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

/** A worker that runs these lines. */
function start(
  t: TestContext,
  lines: string,
): { readonly member: Member; readonly ends: End[]; readonly child: () => ChildProcess } {
  const script = join(makeTemp('member'), 'worker.mjs');
  writeFileSync(script, lines);
  const ends: End[] = [];
  let child: ChildProcess | undefined;
  const member = new Member({
    farm: 'router',
    name: 'router-1',
    instance: 'router-1-test',
    epoch: 1,
    fork: () => (child = fork(script)),
    events: { onReady: () => {}, onReport: () => {}, onGone: (_member, end) => void ends.push(end) },
  });
  t.after(() => {
    member.kill('the test is over');
    child?.removeAllListeners();
  });
  return { member, ends, child: () => child ?? assert.fail('not forked') };
}

describe('a member', () => {
  it('tells of its end with the status', async (t) => {
    const { ends } = start(t, 'process.exit(70)');
    const end = await waitFor(() => ends[0]);
    assert.deepEqual([end.code, end.signal, end.clean], [70, null, false]);
  });

  it('that only closed its channel is not taken for dead', async (t) => {
    const { ends } = start(t, 'process.disconnect(); setTimeout(() => process.exit(0), 5000)');
    const end = await waitFor(() => ends[0]);
    assert.deepEqual([end.code, ends.length], [0, 1]);
    assert.ok(end.livedMs > 4000, 'its own end, not our guess');
  });

  it('that died is missed, though nobody told of its exit', async (t) => {
    const { member, ends, child } = start(t, 'setInterval(() => {}, 60_000); process.on("message", () => {})');
    child().removeAllListeners('exit');
    process.kill(member.pid, 'SIGKILL');
    const end = await waitFor(() => ends[0]);
    assert.deepEqual([end.clean, end.signal], [false, 'SIGKILL']);
  });
});

describe('a process', () => {
  it('has ended when it is gone, and when only its status is left', async (t) => {
    // The parent never asks for the status of its child, which stays a zombie.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const zombie = Number(line.toString());
    await waitFor(() => hasEnded(zombie));
    assert.equal(hasEnded(parent.pid ?? 0), false);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    assert.equal(hasEnded(parent.pid ?? 0), true);
  });
});
