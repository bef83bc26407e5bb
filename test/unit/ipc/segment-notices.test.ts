import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHello } from '../../../src/ipc/hello.ts';
import { listenForPeers } from '../../../src/ipc/listen.ts';
import type { Frame } from '../../../src/ipc/messages.ts';
import { SegmentNotices } from '../../../src/ipc/segment-notices.ts';
import { makeTemp } from '../../support/temp.ts';
import { socketPath } from './support.ts';

const HOUR_MS = 3_600_000;
const log = { debug: () => {}, flush: async () => true };

function notices(address: string): SegmentNotices {
  return new SegmentNotices({ address, self: makeHello({ farm: 'smtp', worker: 'smtp-1' }), log });
}

test('notices are with the scheduler before a worker ends', async () => {
  const address = join(makeTemp('notices'), 's.sock');
  const frames: Frame[] = [];
  const server = await listenForPeers({
    path: address,
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1' }),
    onPeer: (peer) => {
      peer.onFrame = (frame) => {
        frames.push(frame);
        if ('n' in frame) peer.send({ t: 'taken', n: frame.n });
      };
    },
  });
  try {
    const ours = notices(address);
    ours.post('a', 3, []);
    ours.post('b', 4, [1]);
    await ours.settle(Date.now() + HOUR_MS);
    const told = frames.flatMap((frame) => (frame.t === 'segment' ? [[frame.segment, frame.total]] : []));
    assert.deepEqual(told, [
      ['a', 3],
      ['b', 4],
    ]);
  } finally {
    await server.close();
  }
});

test('notices that a scheduler lost with its connection are sent once more before a worker ends', async () => {
  const address = join(makeTemp('notices'), 's.sock');
  const told: string[] = [];
  let connections = 0;
  const server = await listenForPeers({
    path: address,
    self: makeHello({ farm: 'scheduler', worker: 'scheduler-1' }),
    onPeer: (peer) => {
      connections += 1;
      const lost = connections === 1;
      peer.onFrame = (frame) => {
        if (lost) return peer.close();
        if (frame.t !== 'segment') return;
        told.push(frame.segment);
        peer.send({ t: 'taken', n: frame.n });
      };
    },
  });
  try {
    const ours = notices(address);
    ours.post('a', 3, []);
    await ours.settle(Date.now() + HOUR_MS);
    assert.deepEqual(told, ['a']);
  } finally {
    await server.close();
  }
});

test('a worker that ends does not wait for a scheduler that waits for its end', async () => {
  const address = join(makeTemp('notices'), 's.sock');
  // As the kernel does for a socket that the supervisor keeps: it takes the connection, and nobody greets.
  const sockets: net.Socket[] = [];
  const silent = net.createServer((socket) => sockets.push(socket));
  silent.listen(address);
  await once(silent, 'listening');
  try {
    const ours = notices(address);
    ours.post('a', 3, []);
    // Far beyond the time limit of this test.
    await ours.settle(Date.now() + HOUR_MS);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test('notices keep a command until they are sent or given up, though it has nothing else to wait for', async () => {
  const script = `
    const { SegmentNotices } = await import('${import.meta.dirname}/../../../src/ipc/segment-notices.ts');
    const self = { t: 'hello', v: 1, farm: 'cli', worker: 'cli-1', pid: 1 };
    const log = { debug() {}, flush: async () => true };
    const notices = new SegmentNotices({ address: ${JSON.stringify(socketPath())}, self, log });
    notices.post('journal/x', 1, []);
    await notices.settle(Date.now() + 1500);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
