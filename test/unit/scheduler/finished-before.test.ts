import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Routed } from '../../../src/ipc/messages.ts';
import { createDisk } from '../../../src/queue/disk.ts';
import { openStore } from '../../../src/queue/open-store.ts';
import { FinishedBefore, readFinishedBefore } from '../../../src/scheduler/finished-before.ts';
import { makeTemp, removeTemp } from '../../support/temp.ts';
import { waitFor } from '../../support/wait.ts';

const HOP = { channel: 'smtp', next: '[192.0.2.1]:25' } as const;

function routed(handle: string, ...parts: readonly (readonly string[])[]): Routed {
  const base = { t: 'routed', n: 1, handle, sender: 'a@b.example', received: 1, tenant: 'default', size: 9 } as const;
  return { ...base, parts: parts.map((to) => ({ hop: HOP, to })) };
}

describe('FinishedBefore', () => {
  const known = new FinishedBefore((id) => ({
    finished: new Set(id === 'id-1' ? ['x@y.example', 'z@y.example'] : []),
    owed: [],
  }));

  it('leaves a message alone that nobody finished', () => {
    const frame = routed('h', ['x@y.example']);
    assert.equal(known.strip(frame, 'id-2'), frame);
  });

  it('takes finished recipients out, and parts that are empty then', () => {
    const left = known.strip(routed('h', ['x@y.example', 'new@y.example'], ['z@y.example']), 'id-1');
    assert.deepEqual(
      left?.parts.map((part) => part.to),
      [['new@y.example']],
    );
  });

  it('has nothing left of a message that is finished, until it is told to forget', () => {
    const mine = new FinishedBefore(() => ({ finished: new Set(['x@y.example']), owed: [] }));
    const frame = routed('h', ['x@y.example']);
    assert.equal(mine.strip(frame, 'id-1'), undefined);
    mine.forget();
    assert.equal(mine.strip(frame, 'id-1'), frame);
  });

  it('frees what it read when it forgets, once', async () => {
    let closed = 0;
    const make = (): { readonly mine: FinishedBefore; readonly read: WeakRef<object> } => {
      const outcomes = { close: () => (closed += 1), of: () => ({ finished: new Set<string>(), owed: [] }) };
      const mine = new FinishedBefore(
        () => outcomes.of(),
        () => void outcomes.close(),
      );
      return { mine, read: new WeakRef(outcomes) };
    };
    const { mine, read } = make();
    mine.forget();
    mine.forget();
    assert.equal(closed, 1);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await waitFor(() => (collect(), read.deref() === undefined));
    assert.ok(mine.strip(routed('h', ['x@y.example']), 'id-1'));
  });

  it('is read from the outcome journals: what is deferred or owed a bounce is not finished', async () => {
    const dir = makeTemp('finished');
    try {
      const queue = { split: 4, inline: 65536, segment: 1048576, segmentAge: 10_000, freeSpace: 0, freeInodes: 0 };
      const log = { info() {}, warn() {}, error() {}, debug() {} };
      const root = join(dir, 'queue');
      const options = { config: { queue }, worker: 'smtp-1-1', log, dir: root } as unknown as Parameters<
        typeof openStore
      >[0];
      const store = await openStore({ ...options, role: 'writer' });
      const draft = store.draft(store.nextId());
      await draft.write(Buffer.from('Subject: hi\r\n\r\nhi\r\n'));
      const addresses = [
        'done@y.example',
        'later@y.example',
        'failed@y.example',
        'good@y.example',
        'list@y.example',
        'twice@y.example',
      ];
      const handle = await draft.commit({
        sender: 'a@b.example',
        recipients: addresses.map((address) => ({ address })),
        received: Date.now(),
        tenant: 'default',
        origin: { via: 'smtp' },
      });
      const at = Date.now();
      const reply = { code: 250, status: '2.0.0', text: 'ok' };
      await store.record(handle, [
        { state: 'delivered', recipients: ['done@y.example'], at },
        { state: 'deferred', recipients: ['later@y.example'], at, until: at + 1000 },
        { state: 'failed', recipients: ['failed@y.example'], at },
        { state: 'succeeded', recipients: ['good@y.example'], at, attempts: 1, notice: 'relayed', reply },
        { state: 'succeeded', recipients: ['twice@y.example'], at, notice: 'expanded', into: ['x@y.example'] },
        { state: 'succeeded', recipients: ['twice@y.example'], at, notice: 'expanded', into: ['x@y.example'] },
        { state: 'succeeded', recipients: ['list@y.example'], at, notice: 'expanded', into: ['x@y.example'] },
        { state: 'expanded', recipients: ['list@y.example'], at },
      ]);
      await store.close();
      const before = await readFinishedBefore({ disk: createDisk(), layout: { root, split: 4 } });
      const left = before.strip(routed(handle, addresses), handle.slice(0, 19));
      assert.deepEqual(left?.parts[0]?.to, ['later@y.example', 'failed@y.example']);
      const owed = {
        hop: { channel: 'bounce', next: '' },
        to: ['good@y.example'],
        notice: 'relayed',
        attempts: 1,
        reply,
      };
      const expanded = { hop: owed.hop, to: ['twice@y.example'], notice: 'expanded' };
      assert.deepEqual(left?.parts.slice(1), [owed, expanded], 'good news is owed still, once to each');
      const again = before.strip(routed(handle, ['good@y.example']), handle.slice(0, 19));
      assert.deepEqual(again?.parts, [owed], 'and nothing is delivered again');
      const other = before.strip(routed(handle, ['later@y.example']), handle.slice(0, 19));
      assert.deepEqual(
        other?.parts,
        routed(handle, ['later@y.example']).parts,
        'nothing is given out but what is named',
      );
    } finally {
      removeTemp(dir);
    }
  });
});
