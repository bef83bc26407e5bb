/** Limits of sessions, the clock that looks at them, and the names of aliases. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readAliasNames } from '../../../src/acceptor/aliases.ts';
import { REFUSALS, type Refusal } from '../../../src/acceptor/replies.ts';
import { SessionClock } from '../../../src/acceptor/session-clock.ts';
import { SessionLimits } from '../../../src/acceptor/session-limits.ts';
import { waitFor } from '../../support/wait.ts';

describe('session limits', () => {
  const few = { connections: 3, connectionsPerClient: 2 };

  it('count all sessions and those of each client', () => {
    const limits = new SessionLimits(few, 1024);
    assert.equal(limits.enter('192.0.2.1', false), undefined);
    assert.equal(limits.enter('192.0.2.1', false), undefined);
    assert.equal(limits.enter('192.0.2.1', false), REFUSALS.clientConnections);
    limits.leave('192.0.2.1');
    assert.equal(limits.enter('192.0.2.2', false), undefined);
    assert.equal(limits.enter('192.0.2.3', false), REFUSALS.connections);
    assert.equal(limits.total, 4);
  });

  it('forget clients that left', () => {
    const limits = new SessionLimits(few, 1024);
    for (let n = 0; n < 100; n += 1) {
      assert.equal(limits.enter('__proto__', false), undefined);
      limits.leave('__proto__');
    }
    assert.equal(limits.total, 0);
  });

  it('leave descriptors for the queue', () => {
    assert.equal(new SessionLimits({ ...few, connections: 5000 }, 1024).most, 960);
    assert.equal(new SessionLimits({ ...few, connections: 5000 }, 40).most, 20);
    assert.equal(new SessionLimits({ ...few, connections: 5000 }, 1).most, 1);
    assert.ok(new SessionLimits(few).most <= 3);
  });
});

describe('the clock', () => {
  it('ends sessions that are past a limit, and only them', async () => {
    const clock = new SessionClock();
    const expired: (Refusal | string)[] = [];
    const session = (name: string, refused: Refusal | undefined) => ({
      judgeTime: () => refused,
      expire: (why: Refusal) => void expired.push(name, why),
    });
    const late = session('late', REFUSALS.commandTimeout);
    const good = session('good', undefined);
    clock.add(good);
    clock.add(late);
    await waitFor(() => expired.length > 0);
    assert.deepEqual(expired, ['late', REFUSALS.commandTimeout]);
    clock.delete(late);
    clock.delete(good);
  });
});

describe('names of aliases', () => {
  it('come from the file, and from nowhere else: without it there is no telling', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mf-aliases-'));
    try {
      await writeFile(join(folder, 'aliases'), 'Sales: a, b\ninfo@local.test: c\nbroken\n');
      const has = readAliasNames(join(folder, 'aliases'));
      assert.deepEqual(['sales', 'info@local.test', 'broken', 'constructor'].map(has), [true, true, false, false]);
      for (const path of [join(folder, 'none'), folder])
        assert.throws(() => readAliasNames(path), /^Error: no aliases to know recipients by: E\w+: .*mailfarm reload/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
